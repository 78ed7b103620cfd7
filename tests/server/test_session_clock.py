from __future__ import annotations

import pytest

from scribewire.server.session_clock import SessionClock, SessionTimes

LONG = SessionTimes(max_session_s=600)
IDLE = SessionTimes(idle_timeout_s=60)
BOTH = SessionTimes(max_session_s=600, idle_timeout_s=60)


@pytest.mark.parametrize(
    ("times", "audio_at", "ends_at", "why"),
    [
        (SessionTimes(), [], None, ""),
        (LONG, [], 600, "lasted the 10 minutes"),
        (LONG, [599], 600, "lasted the 10 minutes"),
        (IDLE, [], 60, "no audio for 60 s"),
        (IDLE, [59, 100], 160, "no audio for 60 s"),
        (BOTH, [], 60, "no audio for 60 s"),
        (BOTH, range(0, 600, 50), 600, "lasted the 10 minutes"),
    ],
)
def test_a_session_ends_when_its_time_is_over_and_not_before(
    times: SessionTimes, audio_at: list[int], ends_at: float | None, why: str
) -> None:
    clock = SessionClock(times, now=1000)
    for at in audio_at:
        assert clock.fault(1000 + at) is None
        clock.receive_audio(1000 + at)

    if ends_at is None:
        assert clock.ends_at is None
        assert clock.fault(1e9) is None
        return
    assert clock.ends_at == 1000 + ends_at
    assert clock.fault(1000 + ends_at - 0.001) is None
    fault = clock.fault(1000 + ends_at)
    assert fault is not None
    assert why in fault.message


@pytest.mark.parametrize(
    ("audio_at", "ends_at"),
    [([], 150), ([10], 160), ([10, 50], 190), ([95], 190)],  # none, before, and meanwhile
)
def test_while_no_audio_is_taken_nobody_is_idle(audio_at: list[int], ends_at: int) -> None:
    clock = SessionClock(IDLE, now=0)
    for at in [now for now in audio_at if now < 40]:
        clock.receive_audio(at)
    clock.hold(40)
    clock.hold(50)  # again: it is still the same
    for at in [now for now in audio_at if now >= 40]:
        clock.receive_audio(at)

    assert (clock.ends_at, clock.fault(129)) == (None, None)

    clock.go_on(130)
    clock.go_on(140)
    assert clock.ends_at == ends_at
    assert clock.fault(ends_at - 1) is None
    assert clock.fault(ends_at) is not None


@pytest.mark.parametrize(("held_at", "ends_at"), [(None, 130), (50, 150)])
def test_who_had_nothing_to_send_for_begins_anew(held_at: int | None, ends_at: int) -> None:
    clock = SessionClock(BOTH, now=0)
    if held_at is not None:
        clock.hold(held_at)
    clock.begin_anew(70)
    if held_at is not None:
        clock.go_on(90)  # what is held meanwhile does not count on top

    assert clock.ends_at == ends_at
    assert clock.over_at == 600


def test_the_longest_time_goes_on_whatever_is_waited_for() -> None:
    clock = SessionClock(BOTH, now=0)
    clock.hold(30)

    assert (clock.over_at, clock.ends_at) == (600, 600)
    assert clock.fault(600) is not None


def test_a_session_that_is_resumed_has_lasted_since_it_began() -> None:
    clock = SessionClock(BOTH, now=500, began_at=0)
    clock.receive_audio(599)

    assert clock.over_at == 600
    assert clock.fault(599) is None
    assert "has lasted" in str(clock.fault(600))
