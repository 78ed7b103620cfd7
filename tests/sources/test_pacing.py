from __future__ import annotations

from scribewire.sources.pacing import AudioHold


def test_audio_passes_ahead_of_its_time_and_then_at_a_multiple_of_it() -> None:
    hold = AudioHold(100.0, ahead_s=10.0, speed=4.0)

    waits = [hold.wait_s(5.0, 100.0) for _ in range(5)]

    assert waits == [0, 0, 0, 1.25, 2.5]
    assert hold.wait_s(5.0, 200.0) == 0
