"""Where in the audio each token is heard, from the decoder's cross attention.

Theory of operation. Some attention heads look at the sound of the token that is being decoded,
each a constant few frames early or late. Their z-scores over time, moved by that lag and
averaged, say how much each frame sounds like each token. The tokens form a chain of states, with
a silence before each word and after the last, which may be left out:

    [silence] Ever [silence] tri ed [silence] . . .

Every frame belongs to one state, in order; the best way through is found by dynamic programming
(Viterbi, a form of dynamic time warping). What makes a frame silence is that it is quiet, within
the range of the utterance itself. Punctuation is not heard: it stands where its word ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.types import Span

if TYPE_CHECKING:
    from scribewire.types import Samples

Scores: TypeAlias = npt.NDArray[np.float32]
"""How well something fits each frame; its shape stands where it is made."""

HOP_SAMPLES = 384  # 24 ms: one frame of the encoder
_WINDOW_SAMPLES = 895  # what one frame hears, through three convolutions
_LEVEL_SAMPLES = 512  # 32 ms: short enough to see a gap between words
# A frame stands for one hop in the middle of its window.
FIRST_FRAME_SAMPLE: Final = (_WINDOW_SAMPLES - HOP_SAMPLES) // 2
_IMPOSSIBLE = np.float32(-1e30)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionHead:
    """One head that follows the sound."""

    layer: int
    number: int
    lag_frames: int
    """Frames by which its attention has to be moved towards later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentRules:
    """What of a model's attention is used, and how silence is told from speech.

    Those of the English model were chosen one by one for the least error on the 82 clips of
    bench/word_times.py. Chosen the same way on half of the speakers, they place the words of the
    other half within 24 to 26 ms in the median and 74 to 83 ms at the 90th percentile.
    """

    heads: tuple[AttentionHead, ...]
    silence_score: float
    """Of a frame whose loudness is `silence_loudness`, on the scale of the z-scores."""
    silence_slope: float
    """By how much that score falls from the quietest to the loudest frame."""
    silence_loudness: float
    """Between the quietest (0) and the loudest (1)."""
    min_range_db: float
    """A flatter utterance has no silence of its own: its loudest frame counts as this far up."""


def align_tokens(
    texts: Sequence[str], attention: Scores, samples: Samples, rules: AlignmentRules
) -> list[Span]:
    """Return in which frames each token is heard; spans come in order and do not overlap.

    `attention` has the shape (layers, heads, tokens, frames); `texts` are the tokens as they
    are spelled, a space at the beginning of each word.
    """
    frame_count = attention.shape[-1]
    chain = _Chain(texts)
    if frame_count < len(texts):  # no way through; a decode this dense is a loop anyway
        return _spread(len(texts), frame_count)
    tokens = score_tokens(attention, rules.heads)
    silence = rules.silence_score - rules.silence_slope * (
        measure_loudness(samples, frame_count, rules.min_range_db) - rules.silence_loudness
    )
    scores = np.concatenate([tokens, silence[np.newaxis].astype(np.float32)])
    path = find_best_path(scores[chain.rows], chain.may_skip)
    return chain.spans(path)


def score_tokens(attention: Scores, heads: Sequence[AttentionHead]) -> Scores:
    """Return how much each frame sounds like each token, shape (tokens, frames)."""
    total = np.zeros(attention.shape[2:], np.float32)
    frames = np.arange(attention.shape[-1])
    for head in heads:
        row = attention[head.layer, head.number]
        spread = row.std(axis=-1, keepdims=True) + 1e-6
        moved = np.clip(frames - head.lag_frames, 0, frames[-1])
        total += ((row - row.mean(axis=-1, keepdims=True)) / spread)[:, moved]
    total /= len(heads)
    return total


def measure_loudness(samples: Samples, frame_count: int, min_range_db: float) -> Scores:
    """Return each frame's level between the quietest (0) and the loudest (1) of the samples."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    middles = np.arange(frame_count) * HOP_SAMPLES + _WINDOW_SAMPLES // 2
    starts = np.clip(middles - _LEVEL_SAMPLES // 2, 0, samples.size)
    ends = np.clip(middles + _LEVEL_SAMPLES // 2, 0, samples.size)
    mean = (energy[ends] - energy[starts]) / np.maximum(ends - starts, 1)
    levels = 10 * np.log10(np.maximum(mean, 0) + 1e-9)  # -90 dB: below 16-bit noise
    quiet, loud = np.percentile(levels, [5, 95])  # single frames are accidents
    loudness: Scores = ((levels - quiet) / max(loud - quiet, min_range_db)).astype(np.float32)
    return loudness.clip(0, 1)


def find_best_path(scores: Scores, may_skip: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the state of each frame, such that the sum of their scores is highest.

    `scores` has the shape (states, frames). A path begins in one of the first two states, ends
    in one of the last two, and stays or advances by one state; by two into a state of `may_skip`.
    """
    state_count, frame_count = scores.shape
    skip_cost = np.where(may_skip, np.float32(0), _IMPOSSIBLE)
    columns = np.ascontiguousarray(scores.T)
    # The best sum up to each frame, with two states in front from which nothing comes.
    sums = np.full((frame_count, state_count + 2), _IMPOSSIBLE, np.float32)
    sums[0, 2:4] = columns[0, :2]
    for frame in range(1, frame_count):
        before, now = sums[frame - 1], sums[frame, 2:]
        np.add(before[:-2], skip_cost, out=now)
        np.maximum(now, before[1:-1], out=now)
        np.maximum(now, before[2:], out=now)
        now += columns[frame]
    path = np.empty(frame_count, np.intp)
    state = state_count - 2 + int(sums[-1, -2:].argmax())
    for frame in range(frame_count - 1, 0, -1):
        path[frame] = state
        skip, advance, stay = sums[frame - 1, state : state + 3].tolist()
        if max(advance, skip + skip_cost[state]) > stay:
            state -= 1 if advance >= skip + skip_cost[state] else 2
    path[0] = state
    return path


class _Chain:
    """The states that a path goes through: heard tokens and the silences between words."""

    def __init__(self, texts: Sequence[str]) -> None:
        silence = len(texts)  # the row of the scores after those of the tokens
        rows: list[int] = []
        self._states: list[int | None] = []  # of each token; None: it is not heard
        for token, text in enumerate(texts):
            if not any(letter.isalnum() for letter in text):
                self._states.append(None)
                continue
            if not rows or _begins_word(texts, token):
                rows.append(silence)
            self._states.append(len(rows))
            rows.append(token)
        rows.append(silence)
        self.rows = np.array(rows)
        after_silence = np.concatenate([[False], self.rows[:-1] == silence])
        self.may_skip = after_silence & (self.rows != silence)

    def spans(self, path: npt.NDArray[np.intp]) -> list[Span]:
        states = np.arange(len(self.rows))
        starts = np.searchsorted(path, states, "left")
        ends = np.searchsorted(path, states, "right")
        spans: list[Span] = []
        end = 0
        for state in self._states:
            if state is None:
                spans.append(Span(end, end))
                continue
            end = int(ends[state])
            spans.append(Span(int(starts[state]), end))
        return spans


def _begins_word(texts: Sequence[str], token: int) -> bool:
    """Tell whether there is a space at the token or at the unheard ones just before it."""
    while not texts[token].startswith(" "):
        token -= 1
        if token < 0 or any(letter.isalnum() for letter in texts[token]):
            return False
    return True


def _spread(count: int, frame_count: int) -> list[Span]:
    edges = np.linspace(0, frame_count, count + 1).astype(int)
    return [Span(int(a), int(b)) for a, b in pairwise(edges)]
