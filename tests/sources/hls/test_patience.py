from __future__ import annotations

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceGap, SourceLost
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.hls.patience import (
    BREAK_AFTER_S,
    MAX_MISSING_IN_A_ROW,
    MAX_TRIES,
    Again,
    Asked,
    GiveUp,
    Patience,
    Skip,
)
from scribewire.sources.retry import RetryRules
from scribewire.sources.rules import PullRules

RULES = PullRules(retry=RetryRules(give_up_after_s=60), open_timeout_s=30, random=lambda: 0.0)
LIVE_SEGMENT = Asked(is_segment=True, is_live=True)
LEFT_SEGMENT = Asked(is_segment=True, is_live=True, has_left=True)
SEGMENT = Asked(is_segment=True, is_live=False)
PLAYLIST = Asked(is_segment=False, is_live=True)
RESET = invalid_stream("reset", is_transient=True)


def status(code: int) -> SourceFault:
    return invalid_stream(f"HTTP {code}", is_transient=code >= 500, status=code)


def begun() -> Patience:
    patience = Patience(RULES)
    patience.note_success()
    return patience


@pytest.mark.parametrize(
    ("fault", "asked", "goes_on"),
    [
        (RESET, PLAYLIST, True),
        (status(503), PLAYLIST, True),
        (status(404), PLAYLIST, True),
        (status(403), PLAYLIST, False),
        (status(410), PLAYLIST, False),
        (RESET, SEGMENT, True),
        (status(500), SEGMENT, True),
        (status(404), SEGMENT, True),
        (status(403), SEGMENT, True),
        (status(401), SEGMENT, False),
        (invalid_stream("broken"), SEGMENT, False),
    ],
)
def test_what_may_pass_is_asked_for_again(fault: SourceFault, asked: Asked, goes_on: bool) -> None:
    verdict = begun().judge(fault, asked, 0)

    assert verdict == (Again(1.0) if goes_on else GiveUp(fault))


@pytest.mark.parametrize(
    ("fault", "asked", "goes_on"),
    [
        (RESET, PLAYLIST, False),
        (status(404), PLAYLIST, False),
        (RESET, SEGMENT, False),  # nobody is there
        (status(500), SEGMENT, True),
        (status(404), SEGMENT, True),
    ],
)
def test_before_the_first_segment_there_is_less_patience(
    fault: SourceFault, asked: Asked, goes_on: bool
) -> None:
    verdict = Patience(RULES).judge(fault, asked, 0)

    assert verdict == (Again(1.0) if goes_on else GiveUp(fault))


def test_patience_ends_as_our_failure() -> None:
    patience, now, tries = begun(), 0.0, 0
    while isinstance(verdict := patience.judge(status(500), SEGMENT, now), Again):
        now += verdict.wait_s
        tries += 1

    assert isinstance(verdict, GiveUp)
    assert verdict.fault.close_code is CloseCode.SERVER_FAULT
    assert verdict.fault.is_final
    assert (now, tries) == (60, 7)


def test_a_missing_segment_of_a_finite_playlist_is_given_up_after_some_tries() -> None:
    patience = begun()
    verdicts = [patience.judge(status(404), SEGMENT, 0) for _ in range(MAX_TRIES)]

    assert all(isinstance(verdict, Again) for verdict in verdicts[:-1])
    assert verdicts[-1] == Skip()


def test_too_many_missing_in_a_row_end_a_finite_playlist() -> None:
    patience = begun()
    tries = [patience.judge(status(404), SEGMENT, 0) for _ in range(3 * MAX_TRIES)]

    assert tries.count(Skip()) == MAX_MISSING_IN_A_ROW - 1
    assert isinstance(tries[-1], GiveUp)


def test_a_segment_of_a_live_playlist_is_given_up_when_it_has_left() -> None:
    patience = begun()
    for _ in range(2 * MAX_TRIES):
        assert isinstance(patience.judge(status(404), LIVE_SEGMENT, 0), Again)

    assert patience.judge(status(404), LEFT_SEGMENT, 0) == Skip()


def test_one_that_only_fails_is_waited_for_though_it_has_left() -> None:
    patience = begun()
    verdicts = [patience.judge(status(500), LEFT_SEGMENT, 0) for _ in range(MAX_TRIES)]

    assert [type(verdict) for verdict in verdicts] == [Again] * (MAX_TRIES - 1) + [Skip]


def test_a_loss_is_told_when_it_is_one_and_once() -> None:
    patience = begun()
    patience.judge(RESET, SEGMENT, 10)
    assert patience.news("reset", 10) == ()  # one failed request is nothing
    patience.judge(RESET, SEGMENT, 11)
    assert patience.news("reset", 11) == (SourceLost("reset"),)
    patience.judge(RESET, SEGMENT, 12)
    assert patience.news("reset", 12) == ()
    assert patience.news("reset", 11 + BREAK_AFTER_S) == (SourceGap(0.0),)
    assert patience.news("reset", 99) == ()

    patience.note_success()

    assert not patience.is_lost
    assert patience.last_fault is None
    assert patience.news("still", 100, is_sure=True) == (SourceLost("still"),)


def test_before_the_first_segment_nothing_is_told() -> None:
    patience = Patience(RULES)
    patience.judge(status(500), SEGMENT, 0)
    patience.judge(status(500), SEGMENT, 1)

    assert patience.news("HTTP 500", 1) == ()
    assert patience.last_fault is not None
