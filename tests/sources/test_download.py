from __future__ import annotations

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.download import ENOUGH_BYTES, Download
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.response import check_status
from scribewire.sources.retry import RetryRules
from scribewire.sources.rules import PullRules
from tests.parts.world import RESET, connected

SIZE = 5 * ENOUGH_BYTES
WHOLE = bytes(i * 7 % 251 for i in range(SIZE))
REFUSED = invalid_stream("the server cannot be reached", is_transient=True)


def begun(
    received: int = 0, *, validators: dict[str, str] | None = None, give_up_after_s: float = 60
) -> Download:
    rules = PullRules(
        retry=RetryRules(give_up_after_s=give_up_after_s), open_timeout_s=30, random=lambda: 0.0
    )
    download = Download(connected(length=SIZE, validators=validators), rules)
    assert download.take(WHOLE[:received]) == WHOLE[:received]
    return download


def status(code: int) -> SourceFault:
    with pytest.raises(SourceFault) as found:
        check_status(code)
    return found.value


def waits(download: Download, fault: SourceFault) -> tuple[list[float], SourceFault]:
    """Wait as told until it gives up; every try fails at once."""
    found: list[float] = []
    while not isinstance(wait := download.wait_s(fault, sum(found)), SourceFault):
        found.append(wait)
    return found, wait


def test_the_rest_is_asked_for_from_the_byte_that_was_reached() -> None:
    download = begun(100_000)

    assert not download.is_complete
    assert download.received == 100_000
    assert download.resume(connected(length=SIZE, start=100_000)) is None
    assert download.take(WHOLE[100_000:]) == WHOLE[100_000:]
    assert download.is_complete


def test_who_brought_enough_is_asked_again_at_once() -> None:
    assert begun(ENOUGH_BYTES).wait_s(RESET, 0) == 0


def test_while_nothing_comes_the_waits_grow_until_it_is_given_up() -> None:
    found, fault = waits(begun(100), REFUSED)

    assert found == [1, 2, 4, 8, 15, 15, 15]
    assert (fault.message, fault.close_code) == (REFUSED.message, CloseCode.SERVER_FAULT)


@pytest.mark.parametrize("code", [500, 502, 503, 429, 408])
def test_a_service_that_restarts_is_waited_for(code: int) -> None:
    assert begun(100).wait_s(status(code), 0) == 1


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_definite_answer_is_not_asked_for_again(code: int) -> None:
    fault = begun(100).wait_s(status(code), 0)

    assert isinstance(fault, SourceFault)
    assert f"HTTP {code}" in fault.message
    assert fault.close_code is CloseCode.CLIENT_FAULT


def test_a_server_that_hangs_up_after_each_byte_is_asked_a_bounded_number_of_times() -> None:
    download, now, tries = begun(give_up_after_s=300), 0.0, 0
    while not isinstance(wait := download.wait_s(RESET, now), SourceFault):
        now += wait
        tries += 1
        assert download.resume(connected(length=SIZE, start=download.received)) is None
        download.take(b"!")

    assert tries == 23
    assert now == 300
    assert download.received == tries


def test_little_progress_is_progress_in_the_end() -> None:
    download, found = begun(30_000, give_up_after_s=10), list[float]()
    while not download.is_complete:
        wait = download.wait_s(RESET, sum(found))
        assert not isinstance(wait, SourceFault)
        found.append(wait)
        assert download.resume(connected(length=SIZE, start=download.received)) is None
        download.take(WHOLE[download.received :][:30_000])

    assert set(found) == {0, 1, 2}


def test_without_patience_a_break_is_the_end() -> None:
    fault = begun(100, give_up_after_s=0).wait_s(RESET, 0)

    assert isinstance(fault, SourceFault)
    assert fault.message == RESET.message


def test_what_a_server_without_ranges_sends_again_is_left_out_and_no_progress() -> None:
    download = begun(100_000)
    assert download.wait_s(RESET, 0) == 0
    assert download.resume(connected(length=SIZE)) is None

    assert download.take(WHOLE[:60_000]) == b""
    assert download.take(WHOLE[60_000:100_000]) == b""
    assert download.wait_s(RESET, 0) == 1
    assert download.resume(connected(length=SIZE)) is None
    assert download.take(WHOLE[:120_000]) == WHOLE[100_000:120_000]


def test_a_range_that_begins_early_is_cut() -> None:
    download = begun(100_000)

    assert download.resume(connected(length=SIZE, start=65_536)) is None
    assert download.take(WHOLE[65_536:200_000]) == WHOLE[100_000:200_000]


def test_a_range_that_begins_late_is_refused() -> None:
    fault = begun(100_000).resume(connected(length=SIZE, start=100_001))

    assert fault is not None
    assert "leaves out a part" in fault.message


def test_what_comes_beyond_the_length_is_left_out() -> None:
    download = begun(SIZE - 10)

    assert download.take(WHOLE[-10:] + b"more") == WHOLE[-10:]
    assert download.is_complete


CHANGED = "the file changed while it was being read"


@pytest.mark.parametrize(
    ("before", "later"),
    [
        ({"etag": '"1"'}, {"etag": '"2"'}),
        (
            {"last-modified": "Sun, 22 Nov 2026 14:15:00 GMT"},
            {"last-modified": "Sun, 22 Nov 2026 14:15:01 GMT"},
        ),
    ],
)
def test_a_file_that_has_changed_is_not_mixed(
    before: dict[str, str], later: dict[str, str]
) -> None:
    download = begun(100_000, validators=before)
    fault = download.resume(connected(length=SIZE, start=100_000, validators=later))

    assert fault is not None
    assert CHANGED in fault.message


def test_a_file_of_another_length_has_changed() -> None:
    longer = begun(100_000).resume(connected(length=SIZE + 4, start=100_000))
    shorter = begun(100_000).wait_s(status(416), 0)

    assert longer is not None
    assert CHANGED in longer.message
    assert isinstance(shorter, SourceFault)
    assert CHANGED in shorter.message


@pytest.mark.parametrize(
    ("before", "later"),
    [({"etag": '"1"'}, {}), ({}, {"etag": '"1"'}), ({"etag": 'W/"1"'}, {"etag": '"1"'})],
)
def test_a_validator_that_is_missing_or_weak_is_no_change(
    before: dict[str, str], later: dict[str, str]
) -> None:
    download = begun(100_000, validators=before)

    assert download.resume(connected(length=SIZE, start=100_000, validators=later)) is None


def test_an_answer_that_hides_its_length_cannot_be_compared() -> None:
    fault = begun(100_000).resume(connected(start=100_000))

    assert fault is not None
    assert "cannot resume it" in fault.message
