"""The words of a final, with their place in the stream and how sure we are of each.

Theory of operation. The tokens of a hypothesis spell its text; a word has the times of the
tokens that spell it. Times of an engine are good to a few frames and know nothing of silence, so
they are held against what the VAD judged: no word begins before the utterance's first speech or
ends after its last, and one that reaches into a pause is cut where the pause begins or ends. A
word that lies in a pause as a whole stays: then it was the VAD that missed it. At last the
words are put in a row: each begins where the one before it ended, or later, and lasts. One that
nothing is left for (it was placed before the speech, or where another is) takes a little of its
neighbour's time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.confidence import word_confidence
from scribewire.recognition.requests import Hypothesis, Token
from scribewire.types import Span, Word, ms_to_samples, samples_to_ms

if TYPE_CHECKING:
    from scribewire.recognition.calibration import ConfidenceCurve

# Each cut is one space, so that joining the words with spaces gives the text back whatever it is.
_CUT = re.compile(r"(?<=\S) ")
_LEAST_SAMPLES = ms_to_samples(20)  # of a word: less than one frame of any engine
_ONE_MS = ms_to_samples(1)  # of many words in too little speech: they go on after it


@dataclass(frozen=True, slots=True)
class SpelledWord:
    """One word of a hypothesis."""

    text: str
    tokens: tuple[Token, ...]
    """The tokens that spell it, in order; none when they do not spell the hypothesis."""

    @property
    def probability(self) -> float:
        """The engine's own, of the least likely token that holds letters or digits."""
        telling = [t.logprob for t in self.tokens if any(c.isalnum() for c in t.text)]
        return math.exp(min(telling or [t.logprob for t in self.tokens] or [-math.inf]))


def spell_words(hypothesis: Hypothesis) -> tuple[SpelledWord, ...]:
    """Return the words of the text, each with its tokens; joined with spaces they are the text."""
    texts = _CUT.split(hypothesis.text) if hypothesis.text else []
    owned = _tokens_of_words(texts, hypothesis.tokens)
    return tuple(
        SpelledWord(text, tuple(tokens)) for text, tokens in zip(texts, owned, strict=True)
    )


def place_words(
    hypothesis: Hypothesis,
    *,
    window: Span,
    speech: Sequence[Span],
    curve: ConfidenceCurve,
) -> tuple[Word, ...]:
    """Return the words of `hypothesis`; joined with spaces they are its text.

    `window` is where in the stream the samples of its request lie, `speech` the utterance's
    speech, in order. Tokens without times, or that do not spell the text, leave the words
    spread evenly over the speech.
    """
    spelled = spell_words(hypothesis)
    speech = _within(speech, window) or (window,)
    times = _time_words([word.tokens for word in spelled], window) or _spread(len(spelled), speech)
    placed = _in_a_row([_clamp(time, speech) for time in times], speech)
    return tuple(_make_word(word, time, curve) for word, time in zip(spelled, placed, strict=True))


def _make_word(word: SpelledWord, time: Span, curve: ConfidenceCurve) -> Word:
    return Word(
        text=word.text,
        start_ms=samples_to_ms(time.start),
        end_ms=samples_to_ms(time.end),
        confidence=word_confidence([token.logprob for token in word.tokens], curve),
    )


# Which tokens spell which word.


def _tokens_of_words(texts: Sequence[str], tokens: Sequence[Token]) -> list[list[Token]]:
    """Return the tokens of each word; a token that spells parts of two belongs to both."""
    spelled = "".join(token.text for token in tokens)
    if spelled.strip() != " ".join(texts):
        return [[] for _ in texts]
    ranges = list(_ranges(texts, len(spelled) - len(spelled.lstrip())))
    owned: list[list[Token]] = [[] for _ in texts]
    word = end = 0
    for token in tokens:
        start, end = end, end + len(token.text)
        while word < len(texts) and ranges[word][1] <= start:
            word += 1
        for number in range(word, len(texts)):
            first, last = ranges[number]
            if first >= end:
                break
            # The space before a word is no part of it, nor is a token without letters.
            if max(first, start) < min(last, end):
                owned[number].append(token)
    return owned


def _ranges(texts: Sequence[str], position: int) -> Iterator[tuple[int, int]]:
    for text in texts:
        yield position, position + len(text)
        position += len(text) + 1


# Where the words are.


def _time_words(owned: Sequence[Sequence[Token]], window: Span) -> list[Span]:
    """Return the times of the words' tokens in the stream; none when a word has no time."""
    times = []
    for tokens in owned:
        starts = [token.start for token in tokens if token.start is not None]
        ends = [token.end for token in tokens if token.end is not None]
        if not starts or not ends:
            return []
        start = window.start + min(starts)
        times.append(Span(start, max(window.start + max(ends), start)))
    return times


def _spread(count: int, speech: Sequence[Span]) -> list[Span]:
    edges = np.linspace(speech[0].start, speech[-1].end, count + 1).astype(int).tolist()
    return [Span(start, end) for start, end in pairwise(edges)]


def _within(speech: Sequence[Span], window: Span) -> tuple[Span, ...]:
    cut = (Span(max(one.start, window.start), min(one.end, window.end)) for one in speech)
    return tuple(one for one in cut if one.start < one.end)


def _clamp(time: Span, speech: Sequence[Span]) -> Span:
    first, last = speech[0].start, speech[-1].end
    start, end = (min(max(position, first), last) for position in (time.start, time.end))
    shared = [interval for interval in speech if interval.start < end and interval.end > start]
    if not shared:
        return Span(start, end)
    return Span(max(start, shared[0].start), min(end, shared[-1].end))


def _in_a_row(times: Sequence[Span], speech: Sequence[Span]) -> list[Span]:
    """Return the times such that none overlap and each has a length, within the speech."""
    earliest, latest = speech[0].start, speech[-1].end
    room = (latest - earliest) // max(len(times), 1)
    least = max(min(room, _LEAST_SAMPLES), _ONE_MS)
    latest = max(latest, earliest + least * len(times))
    forward = []
    for time in times:
        start = max(time.start, earliest)
        earliest = max(time.end, start + least)
        forward.append(Span(start, earliest))
    placed = []
    for time in reversed(forward):
        end = min(time.end, latest)
        latest = min(time.start, end - least)
        placed.append(Span(latest, end))
    return placed[::-1]
