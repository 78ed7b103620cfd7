from __future__ import annotations

import numpy as np
import pytest

from scribewire.capacity.monologue import END_SILENCE_S, Recording, join_recordings
from scribewire.types import SAMPLE_RATE

LETTERS = [
    Recording(np.full(SAMPLE_RATE, level / 10, np.float32), text)
    for level, text in enumerate("abc", start=1)
]


def test_it_is_as_long_as_asked_and_ends_in_silence() -> None:
    monologue = join_recordings(LETTERS, seconds=20, seed=1)

    assert monologue.samples.size == 20 * SAMPLE_RATE
    assert not monologue.samples[-round(END_SILENCE_S * SAMPLE_RATE) :].any()
    assert len(monologue.pcm) == 2 * monologue.samples.size


def test_the_text_says_what_is_heard_in_order() -> None:
    monologue = join_recordings(LETTERS, seconds=20, seed=1)

    levels = np.rint(monologue.samples * 10).astype(int)
    heard = [levels[at] for at in np.flatnonzero(np.diff(levels, prepend=0)) if levels[at]]
    assert monologue.text.split() == ["-abc"[level] for level in heard]


def test_none_comes_again_before_all_were_heard() -> None:
    words = join_recordings(LETTERS, seconds=60, seed=3).text.split()

    assert len(words) > 9
    assert {frozenset(words[at : at + 3]) for at in (0, 3, 6)} == {frozenset("abc")}


def test_a_seed_is_a_monologue() -> None:
    one, same, other = (join_recordings(LETTERS, seconds=30, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(one.samples, same.samples)
    assert not np.array_equal(one.samples, other.samples)


@pytest.mark.parametrize("seconds", [2.0, 3.0])
def test_where_nothing_fits_there_is_silence(seconds: float) -> None:
    monologue = join_recordings(LETTERS, seconds=seconds, seed=1)

    assert monologue.text == ""
    assert monologue.samples.size == seconds * SAMPLE_RATE
    assert not monologue.samples.any()


def test_what_nobody_wrote_down_adds_no_words() -> None:
    silent = [Recording(np.ones(SAMPLE_RATE, np.float32))]

    assert join_recordings(silent, seconds=20, seed=1).text == ""
