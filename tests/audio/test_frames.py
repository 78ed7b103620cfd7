from __future__ import annotations

import av
import numpy as np
import pytest

from scribewire.audio.frames import LEAST_GAP_S, Missing, resample_frames, silence


def frame(value: int, seconds: float = 0.1, rate_hz: int = 16_000) -> av.AudioFrame:
    samples = np.full((1, round(seconds * rate_hz)), value, np.int16)
    made = av.AudioFrame.from_ndarray(samples, "s16", "mono")
    made.sample_rate = rate_hz
    return made


def drawn(*frames: av.AudioFrame | Missing) -> str:
    """Return what comes of frames, 0.1 s a letter: sound, silence, or time that is missing."""
    picture = ""
    for piece in resample_frames(iter(frames)):
        if isinstance(piece, Missing):
            picture += f"<{piece.seconds:g}>"
        else:
            middles = piece[800::1600]
            picture += "".join("S" if value else "." for value in middles)
    return picture


def test_frames_without_a_hole_are_sound() -> None:
    assert drawn(frame(1000), frame(1000)) == "SS"


def test_a_small_hole_is_silence_and_a_large_one_is_passed_on() -> None:
    less = Missing(LEAST_GAP_S - 0.1)

    assert drawn(frame(1000), less, frame(1000)) == "S..S"
    assert drawn(frame(1000), Missing(7), frame(1000)) == "S<7>S"
    assert drawn(Missing(LEAST_GAP_S), frame(1000)) == "<0.3>S"
    assert drawn(frame(1000), Missing(7)) == "S<7>"


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_a_hole_costs_no_sample_at_any_rate(rate_hz: int) -> None:
    frames: list[av.AudioFrame | Missing]
    frames = [frame(1000, 1, rate_hz), Missing(2), frame(1000, 1, rate_hz)]

    sound = [piece for piece in resample_frames(iter(frames)) if not isinstance(piece, Missing)]

    assert sum(piece.size for piece in sound) == 32_000


def test_silence_comes_in_pieces() -> None:
    assert [piece.size for piece in silence(2.5)] == [16_000, 16_000, 8_000]
