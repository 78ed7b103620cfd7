from __future__ import annotations

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.faults import (
    SourceFault,
    address_not_allowed,
    authentication_required,
    connection_timeout,
    invalid_stream,
    scheme_not_allowed,
    unsupported_format,
    untrusted_server,
)


@pytest.mark.parametrize(
    ("fault", "beginning"),
    [
        (invalid_stream("gone"), "invalid stream: gone; "),
        (untrusted_server("it is old", "renew it"), "invalid stream: TLS failure, it is old; exp"),
        (authentication_required("HTTP 401"), "stream requires authentication: HTTP 401; "),
        (unsupported_format("an HTML page"), "unsupported format: found an HTML page; expected "),
        (address_not_allowed("it is private"), "stream address not allowed: it is private; "),
        (scheme_not_allowed("rtmp"), "stream address not allowed: the scheme of the URL is rtmp; "),
        (connection_timeout(15.0), "connection timeout: the stream did not answer within 15 s; "),
    ],
)
def test_a_fault_begins_as_the_protocol_words_it(fault: SourceFault, beginning: str) -> None:
    assert fault.message.startswith(beginning)
    assert fault.close_code == CloseCode.CLIENT_FAULT
    assert fault.cause == beginning.partition(":")[0]


def test_what_may_pass_says_so() -> None:
    assert connection_timeout(1).is_transient
    assert invalid_stream("reset", is_transient=True).is_transient
    assert not invalid_stream("gone", status=404).is_transient
    assert invalid_stream("gone", status=404).status == 404


FAULT = invalid_stream("it broke", is_transient=True, status=503)


def test_a_fault_does_not_change() -> None:
    for name in ("message", "close_code", "is_final", "status", "another"):
        with pytest.raises(AttributeError, match=name):
            setattr(FAULT, name, None)
    with pytest.raises(SourceFault) as raised:
        raise FAULT from ValueError("why")
    assert raised.value.__cause__ is not None


def test_what_is_made_of_a_fault_leaves_it_as_it_is() -> None:
    given_up = FAULT.given_up()

    assert (given_up.close_code, given_up.is_final) == (CloseCode.SERVER_FAULT, True)
    assert (given_up.message, given_up.status) == (FAULT.message, 503)
    assert (FAULT.close_code, FAULT.is_final) == (CloseCode.CLIENT_FAULT, False)
    assert FAULT.as_final().close_code is CloseCode.CLIENT_FAULT
    assert str(given_up) == FAULT.message


def test_the_place_is_told_with_the_cause() -> None:
    assert FAULT.from_second(12.345).message == (
        "invalid stream: it broke, from second 12.3 on; expected audio at the URL; "
        "check the URL and try again"
    )


def test_in_other_words_the_log_keeps_its_own() -> None:
    told = FAULT.told_as("something else")

    assert (told.message, told.logged, told.status) == ("something else", FAULT.logged, None)
    assert told.is_transient


@pytest.mark.parametrize(
    ("fault", "may_pass"),
    [
        (FAULT, True),
        (FAULT.given_up(), False),
        (invalid_stream("gone", status=404), True),  # a radio server that restarts
        (invalid_stream("gone", status=410), False),
        (address_not_allowed("it is private"), False),
    ],
)
def test_what_may_pass_for_a_live_source(fault: SourceFault, *, may_pass: bool) -> None:
    assert fault.may_pass is may_pass


def test_who_has_pushed_it_is_told_of_no_url() -> None:
    pushed = unsupported_format("a picture (PNG)").of_pushed()

    assert pushed.message.startswith("unsupported format: found a picture (PNG); expected one rec")
    assert pushed.logged == pushed.message
    assert "URL" not in pushed.message
    assert (pushed.cause, pushed.close_code) == ("unsupported format", CloseCode.CLIENT_FAULT)
