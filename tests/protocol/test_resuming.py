from __future__ import annotations

import pytest

from scribewire.errors import ClientFault, CloseCode
from scribewire.protocol.resuming import ComeBack, Position, cannot_resume, check_come_back

POSITION = Position(epoch="e", received_bytes=1000, finals=7)


def back(*, epoch: str = "e", finals: int = 7, oldest_byte: int = 1000) -> ComeBack:
    return ComeBack(session_id="s", epoch=epoch, finals=finals, oldest_byte=oldest_byte)


@pytest.mark.parametrize("given", [back(), back(finals=4), back(oldest_byte=0)])
def test_who_has_all_that_is_needed_may_go_on(given: ComeBack) -> None:
    check_come_back(given, POSITION, kept_finals=3)


def test_who_has_not_heard_of_the_latest_epoch_may_go_on_from_the_one_before() -> None:
    earlier = {"d": 5}
    check_come_back(back(epoch="d", finals=5), POSITION, kept_finals=3, earlier=earlier)

    # What it counts from there on nobody has told it in this epoch.
    with pytest.raises(ClientFault, match="begun anew"):
        check_come_back(back(epoch="d", finals=6), POSITION, kept_finals=3, earlier=earlier)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (back(epoch="f"), "begun anew"),
        (back(finals=8), "it has 7 finals, not 8"),
        (back(finals=3), "final 4 is not kept, the first that is is 5"),
        (back(oldest_byte=1001), "it needs audio from byte 1000 on, and 1001 is the oldest"),
    ],
)
def test_who_has_not_is_told_what_is_missing(given: ComeBack, why: str) -> None:
    with pytest.raises(ClientFault, match=why) as raised:
        check_come_back(given, POSITION, kept_finals=3)

    assert raised.value.close_code is CloseCode.CANNOT_RESUME
    assert "begin a new session" in raised.value.message


def test_with_no_reason_nothing_is_told_of_whether_it_exists() -> None:
    assert "no such session of this key is kept here, or not any more" in cannot_resume().message
