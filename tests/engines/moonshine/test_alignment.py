from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.moonshine.alignment import (
    FIRST_FRAME_SAMPLE,
    HOP_SAMPLES,
    AlignmentRules,
    AttentionHead,
    Scores,
    align_tokens,
    find_best_path,
    measure_loudness,
    score_tokens,
)
from scribewire.types import Span

if TYPE_CHECKING:
    from scribewire.types import Samples

HEAD = AttentionHead(layer=0, number=0, lag_frames=0)
RULES = AlignmentRules(
    heads=(HEAD,),
    silence_score=0.5,
    silence_slope=10.0,
    silence_loudness=0.35,
    min_range_db=20.0,
)

# Above: how loud each frame is. Below, a row a token: where the decoder looks.
CASES = [
    (
        "words with a pause between them",
        [" Ever", " tried"],
        "..######...#####..",
        ["..======..........",
         "...........=====.."],
        [(2, 8), (11, 16)],
    ),
    (
        "words without one",
        [" Ever", " tried"],
        "..###########..",
        ["..======.......",
         "........=====.."],
        [(2, 8), (8, 13)],
    ),
    (
        "a look back at an earlier word does not matter",
        [" no", " matter"],
        "..####..#######..",
        ["..====...........",
         "..==....=======.."],
        [(2, 6), (8, 15)],
    ),
    (
        "the parts of a word lie side by side",
        [" tri", "ed"],
        "..########..",
        ["..====......",
         "......====.."],
        [(2, 6), (6, 10)],
    ),
    (
        "a closure inside a word is no pause",
        [" try", "ing"],
        "..###.#####..",
        ["..====.......",
         "......=====.."],
        [(2, 6), (6, 11)],
    ),
    (
        "punctuation stands where its word ends, wherever the decoder looks",
        [" Ever", ".", " No"],
        "..######...####..",
        ["..======.........",
         "........===......",
         "...........====.."],
        [(2, 8), (8, 8), (11, 15)],
    ),
    (
        "a dash between spaces lets there be a pause",
        [" Ever", " -", "No"],
        "..######...####..",
        ["..======.........",
         "........===......",
         "...........====.."],
        [(2, 8), (8, 8), (11, 15)],
    ),
    (
        "punctuation comes first",
        ['"', "No"],
        "..######..",
        ["==........",
         "..======.."],
        [(0, 0), (2, 8)],
    ),
    ("nothing is heard", [".", "!"], "..##..", ["..==..", "..==.."], [(0, 0), (0, 0)]),
]  # fmt: skip


def draw_attention(rows: list[str]) -> Scores:
    """Return the attention of one layer with one head."""
    looks = np.array([[mark == "=" for mark in row] for row in rows], np.float32) + 0.01
    drawn: Scores = (looks / looks.sum(axis=-1, keepdims=True))[np.newaxis, np.newaxis]
    return drawn


def draw_sound(picture: str) -> Samples:
    """Return noise with the loudness of each frame, out of its neighbours' hearing."""
    blocks = np.full((len(picture) + 2, HOP_SAMPLES), 0.001)  # what lies around it too
    for frame, mark in enumerate(picture, start=1):
        blocks[frame, 64:-64] = 0.001 if mark == "." else 0.3
    noise = np.random.default_rng(1).uniform(-1, 1, blocks.size)
    sound: Samples = (noise * blocks.ravel()).astype(np.float32)
    return sound[HOP_SAMPLES - FIRST_FRAME_SAMPLE :]


@pytest.mark.parametrize(
    ("texts", "sound", "attention", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_tokens_are_found_where_they_are_heard(
    texts: list[str], sound: str, attention: list[str], expected: list[tuple[int, int]]
) -> None:
    spans = align_tokens(texts, draw_attention(attention), draw_sound(sound), RULES)

    assert spans == [Span(*span) for span in expected]


def test_more_tokens_than_frames_are_spread_over_them() -> None:
    attention = np.full((1, 1, 4, 2), 0.5, np.float32)

    spans = align_tokens([" a"] * 4, attention, np.zeros(1200, np.float32), RULES)

    assert spans == [Span(0, 0), Span(0, 1), Span(1, 1), Span(1, 2)]


@given(
    texts=st.lists(st.sampled_from([" a", "b", ".", " -", " ", "", "é"]), max_size=12),
    frame_count=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_spans_come_in_order_inside_the_frames(
    texts: list[str], frame_count: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    attention = random.random((1, 1, len(texts), frame_count), np.float32)
    samples = random.uniform(-1, 1, frame_count * HOP_SAMPLES).astype(np.float32)

    spans = align_tokens(texts, attention, samples, RULES)

    assert len(spans) == len(texts)
    edges = [0, *(edge for span in spans for edge in (span.start, span.end)), frame_count]
    assert edges == sorted(edges)


def test_each_head_is_moved_by_its_lag_and_weighs_the_same() -> None:
    attention = np.zeros((2, 2, 1, 6), np.float32)
    attention[0, 1, 0, 2] = 1
    attention[1, 0, 0, 4] = 0.1  # faint, but as sharp
    heads = (
        AttentionHead(layer=0, number=1, lag_frames=1),
        AttentionHead(layer=1, number=0, lag_frames=-1),
    )

    (scores,) = score_tokens(attention, heads)

    assert scores.argmax() == 3
    assert scores[3] == pytest.approx(5**0.5, abs=1e-3)  # the z-score of one frame in six
    assert np.delete(scores, 3) == pytest.approx(-(0.2**0.5), abs=1e-3)


def test_a_lag_repeats_what_is_at_the_edge() -> None:
    attention = np.array([1, 0, 0, 0], np.float32).reshape(1, 1, 1, 4)
    heads = (AttentionHead(layer=0, number=0, lag_frames=1),)

    (scores,) = score_tokens(attention, heads)

    assert (scores > 0).tolist() == [True, True, False, False]


def test_loudness_is_relative_to_the_utterance() -> None:
    sound = draw_sound("....####")

    for gain in (1.0, 0.1):
        loudness = measure_loudness(gain * sound, 8, 20.0)
        assert (loudness > 0.35).tolist() == [False] * 4 + [True] * 4


def test_an_even_sound_has_no_loud_frames() -> None:
    sound = np.full(10 * HOP_SAMPLES, 0.1, np.float32)

    assert measure_loudness(sound, 8, 20.0) == pytest.approx(0, abs=1e-6)


def test_digital_silence_has_a_level() -> None:
    assert measure_loudness(np.zeros(1000, np.float32), 3, 20.0).tolist() == [0, 0, 0]


def best_by_trying_all(scores: Scores, may_skip: list[bool]) -> float:
    """Return the highest sum over every path, found without cleverness."""
    state_count, frame_count = scores.shape

    def rest(state: int, frame: int) -> float:
        here = float(scores[state, frame])
        if frame == frame_count - 1:
            return here if state >= state_count - 2 else -np.inf
        following = [state, state + 1]
        if state + 2 < state_count and may_skip[state + 2]:
            following.append(state + 2)
        return here + max(rest(to, frame + 1) for to in following if to < state_count)

    return max(rest(0, 0), rest(1, 0))


@given(data=st.data())
def test_no_path_is_better_than_the_one_found(data: st.DataObject) -> None:
    state_count = data.draw(st.integers(2, 4))
    frame_count = data.draw(st.integers(state_count, 6))
    may_skip = data.draw(st.lists(st.booleans(), min_size=state_count, max_size=state_count))
    seed = data.draw(st.integers(0, 999))
    scores = np.random.default_rng(seed).normal(size=(state_count, frame_count)).astype(np.float32)

    path = find_best_path(scores, np.array(may_skip))

    total = float(scores[path, np.arange(frame_count)].sum())
    assert total == pytest.approx(best_by_trying_all(scores, may_skip), abs=1e-4)


@pytest.mark.slow
def test_fifteen_seconds_cost_little() -> None:
    random = np.random.default_rng(5)
    attention = random.random((6, 8, 60, 600), np.float32)
    samples = random.uniform(-1, 1, 600 * HOP_SAMPLES).astype(np.float32)
    texts = [" word"] * 60
    align_tokens(texts, attention, samples, RULES)

    costs = []
    for _ in range(5):
        began = time.thread_time()
        align_tokens(texts, attention, samples, RULES)
        costs.append(time.thread_time() - began)

    assert min(costs) < 0.05  # about 5 ms where it was written
