from __future__ import annotations

from scribewire.audio.container import AudioInfo
from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.shared.audience import HELD_S, MOST_HELD, Audience, Seat
from scribewire.types import SAMPLE_RATE

INFO = AudioInfo(container="mp3", codec="mp3", rate_hz=44_100, channels=2, duration_ms=None)
OTHER = AudioInfo(
    container="mp3", codec="aac", rate_hz=44_100, channels=2, duration_ms=None, track=2
)
OPENED = SourceOpened(INFO, is_live=True, says_live=True)
SECOND = SourceAudio(bytes(32_000))
LOST = SourceLost("it has ended")


def taken(seat: Seat) -> list[SourceEvent]:
    return list(iter(seat.take, None))


def told(*events: SourceEvent, to: int = 1) -> tuple[Audience, list[Seat]]:
    audience = Audience()
    seats = [audience.join() for _ in range(to)]
    for event in events:
        audience.put(event)
    return audience, seats


def test_all_hear_the_same() -> None:
    _, (one, other) = told(OPENED, SECOND, SourceGap(2.0), SECOND, to=2)

    assert taken(one) == taken(other) == [OPENED, SECOND, SourceGap(2.0), SECOND]


def test_who_comes_later_hears_what_comes_from_then_on() -> None:
    audience, _ = told(OPENED, SECOND)
    late = audience.join()
    audience.put(SourceGap(1.0))

    assert taken(late) == [OPENED, SourceGap(1.0)]


def test_who_comes_later_is_told_which_track_is_heard_now() -> None:
    audience, _ = told(OPENED, SourceTrack(OTHER))

    opened = audience.join().take()

    assert isinstance(opened, SourceOpened)
    assert opened.info == OTHER


def test_who_comes_while_it_is_lost_hears_nothing_of_that_time() -> None:
    audience, _ = told(OPENED, SECOND, LOST)
    late = audience.join()
    for event in (SourceGap(0.0), SourceGap(3.0), OPENED, SECOND):
        audience.put(event)

    assert taken(late) == [OPENED, SECOND]


def test_a_seat_knows_where_on_the_timeline_its_next_piece_is() -> None:
    audience, (seat,) = told(OPENED, SECOND, SourceGap(2.0))
    late = audience.join()
    audience.put(SECOND)

    seat.take()
    before = seat.position_samples
    taken(seat)

    assert before == 0
    assert seat.position_samples == 4 * SAMPLE_RATE == audience.position_samples
    late.take()
    assert late.position_samples == 3 * SAMPLE_RATE


def test_who_is_alone_is_given_what_it_asks_for() -> None:
    audience, (seat,) = told()
    before = audience.wants_more
    seat.take()
    asked = audience.wants_more
    audience.put(OPENED)

    assert (before, asked, audience.wants_more) == (False, True, False)
    seat.take()
    assert not audience.wants_more  # it has taken what there was, and not asked for more
    seat.take()
    assert audience.wants_more


def test_one_that_takes_nothing_holds_up_nobody_and_loses_what_it_held() -> None:
    seconds = round(HELD_S)
    audience, (quick, slow) = told(OPENED, to=2)
    wanted = []
    for _ in range(seconds + 5):
        taken(quick)
        wanted.append(audience.wants_more)
        audience.put(SECOND)

    assert all(wanted)
    assert taken(slow) == [OPENED, SourceGap(HELD_S), *[SECOND] * 5]
    assert slow.position_samples == audience.position_samples


def test_the_slowest_is_waited_for_while_nobody_needs_more() -> None:
    audience, (quick, slow) = told(OPENED, *[SECOND] * round(HELD_S), to=2)
    for _ in range(10):
        quick.take()

    assert not audience.wants_more
    slow.take()
    slow.take()
    assert audience.wants_more


def test_who_is_cut_off_is_told_what_became_of_the_source_too() -> None:
    audience, (_, slow) = told(OPENED, SECOND, LOST, SourceGap(4.0), to=2)
    again = SourceOpened(OTHER, is_live=True)
    audience.put(again)
    for _ in range(round(HELD_S)):
        audience.put(SECOND)

    assert taken(slow) == [again, SourceGap(4.0 + HELD_S), SECOND]


def test_what_is_held_is_bounded_whatever_comes() -> None:
    track = SourceTrack(OTHER)
    _, (seat, _) = told(OPENED, *[track] * (MOST_HELD + 1), to=2)

    assert len(taken(seat)) < 10


def test_a_loss_that_was_not_taken_stays_a_loss() -> None:
    audience, (seat, _) = told(OPENED, to=2)
    seat.take()
    events: list[SourceEvent] = [*[SECOND] * round(HELD_S - 1), LOST, SECOND, SECOND]
    for event in events:
        audience.put(event)

    assert taken(seat)[:2] == [LOST, SourceGap(HELD_S)]


def test_who_has_left_is_no_more_waited_for() -> None:
    audience, (one, other) = told(OPENED, *[SECOND] * round(HELD_S), to=2)
    taken(one)
    audience.leave(other)
    audience.leave(other)

    assert list(audience.seats) == [one]
    assert audience.wants_more
