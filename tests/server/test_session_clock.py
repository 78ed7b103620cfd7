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
