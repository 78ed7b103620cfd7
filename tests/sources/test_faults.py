from __future__ import annotations

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.faults import (
    SourceFault,
    address_not_allowed,
    authentication_required,
    connection_timeout,
    invalid_stream,
    unsupported_format,
)


@pytest.mark.parametrize(
    ("fault", "beginning"),
    [
        (invalid_stream("gone"), "invalid stream: gone; "),
        (authentication_required("HTTP 401"), "stream requires authentication: HTTP 401; "),
        (unsupported_format("an HTML page"), "unsupported format: found an HTML page; expected "),
        (address_not_allowed("it is private"), "stream address not allowed: it is private; "),
        (connection_timeout(15.0), "connection timeout: the stream did not answer within 15 s; "),
    ],
)
def test_a_fault_begins_as_the_protocol_words_it(fault: SourceFault, beginning: str) -> None:
    assert fault.message.startswith(beginning)
    assert fault.close_code == CloseCode.CLIENT_FAULT


def test_what_may_pass_says_so() -> None:
    assert connection_timeout(1).is_transient
    assert invalid_stream("reset", is_transient=True).is_transient
    assert not invalid_stream("gone", status=404).is_transient
    assert invalid_stream("gone", status=404).status == 404
