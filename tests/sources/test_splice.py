from __future__ import annotations

import numpy as np
import pytest

from scribewire.sources.splice import Joint, Splice, find_end
from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE


def noise(seconds: float, *, seed: int = 0, amplitude: int = 5000) -> bytes:
    random = np.random.default_rng(seed)
    samples = random.integers(-amplitude, amplitude + 1, round(seconds * SAMPLE_RATE))
    return samples.astype("<i2").tobytes()


AIR = noise(30)
"""What a station sends."""


def cut(start_s: float, end_s: float) -> bytes:
    return AIR[round(start_s * PCM_BYTES_PER_S) : round(end_s * PCM_BYTES_PER_S)]


def heard(pcm: bytes, piece: int = 6400) -> Splice:
    splice = Splice()
    for start in range(0, len(pcm), piece):
        splice.note_heard(pcm[start : start + piece])
    return splice


@pytest.mark.parametrize("piece", [100, 6400, 1_000_000])
def test_what_is_sent_once_more_is_heard_once(piece: int) -> None:
    joint = heard(cut(0, 10.3), piece).join(cut(7.9, 14), passed_s=3.7)

    assert joint == Joint(cut(10.3, 14), 0.0)


def test_it_is_found_though_it_was_decoded_anew() -> None:
    random = np.random.default_rng(1)
    fresh = np.frombuffer(cut(7, 14), "<i2")
    again = (fresh + random.integers(-300, 301, fresh.size)).astype("<i2").tobytes()

    joint = heard(cut(0, 10)).join(again, passed_s=4)

    assert joint == Joint(again[3 * PCM_BYTES_PER_S :], 0.0)


def test_time_in_which_nothing_came_is_a_gap() -> None:
    joint = heard(cut(0, 10)).join(cut(15, 17), passed_s=7.0)

    assert joint == Joint(cut(15, 17), 5.0)


@pytest.mark.parametrize("again_s", [0.3, 0.6, 1.1])
def test_little_that_is_sent_once_more_is_found(again_s: float) -> None:
    joint = heard(cut(0, 10)).join(cut(10 - again_s, 14), passed_s=4)

    assert joint == Joint(cut(10, 14), 0.0)


def test_what_is_alike_where_it_cannot_be_makes_no_doubt() -> None:
    again = cut(8, 10) + noise(6, seed=7) + cut(8, 14)

    assert heard(cut(0, 10)).join(again, passed_s=4) == Joint(cut(10, 14), 0.0)


def test_a_jingle_that_is_played_again_is_heard_again() -> None:
    assert heard(cut(0, 10)).join(cut(5, 12), passed_s=30) == Joint(cut(5, 12), 23.0)


def test_more_than_passed_is_no_gap() -> None:
    other = noise(9, seed=5)

    assert heard(cut(0, 10)).join(other, passed_s=2) == Joint(other, 0.0)


def test_what_is_alike_everywhere_is_found_nowhere() -> None:
    hum = np.tile(np.frombuffer(noise(0.1, seed=3), "<i2"), 40).tobytes()  # 4 s

    assert heard(cut(0, 5) + hum).join(hum + cut(10, 12) + hum, passed_s=6.0) == Joint(
        hum + cut(10, 12) + hum, 0.0
    )


def test_a_click_in_silence_is_like_any_other() -> None:
    click = bytes(20_000) + b"\x00\x40" * 10 + bytes(12_000)

    assert (
        heard(cut(0, 5) + click).join(cut(10, 12) + click, passed_s=0.5).pcm == cut(10, 12) + click
    )


def test_silence_is_like_nothing() -> None:
    silence = noise(5, amplitude=3)

    assert heard(cut(0, 5) + silence).join(silence + cut(10, 12), passed_s=9.0) == Joint(
        silence + cut(10, 12), 2.0
    )


@pytest.mark.parametrize(("tail", "fresh"), [(b"", cut(0, 5)), (cut(0, 1), b""), (b"", b"")])
def test_too_little_is_like_nothing(tail: bytes, fresh: bytes) -> None:
    assert find_end(tail, fresh, 1.0) is None


def test_memory_does_not_grow() -> None:
    splice = heard(AIR)
    assert splice.join(cut(28, 30), passed_s=0.0).pcm == b""
    assert heard(AIR * 3).join(cut(28, 30), passed_s=0.0).pcm == b""
