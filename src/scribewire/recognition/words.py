"""The words of a final, with their place in the stream and how sure we are of each.

Theory of operation. The tokens of a hypothesis spell its text; a word has the times of the
tokens that spell it. Times of an engine are good to a few frames and know nothing of silence, so
they are held against what the VAD heard: no word begins before the utterance's first speech or
ends after its last, and one that reaches into a pause is cut where the pause begins or ends. A
word that lies in a pause as a whole stays: then it was the VAD that did not hear it. At last the
words are put in a row: each begins where the one before it ended, or later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scribewire.recognition.requests import Hypothesis, Token
from scribewire.recognition.speech_track import Interval
from scribewire.types import Word, samples_to_ms

# Each cut is one space, so that joining the words with spaces gives the text back whatever it is.
_CUT = re.compile(r"(?<=\S) ")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WordEvidence:
    """What is known about a word, for judging whether it is right."""

    text: str
    logprobs: tuple[float, ...]
    """Of the tokens that spell it, in order; none when the engine gave no tokens."""
    duration_samples: int


def raw_confidence(logprobs: Sequence[float]) -> float:
    """Return the geometric mean of the tokens' probabilities, 0 to 1; 0 without any."""
    if not logprobs:
        return 0.0
    return min(1.0, math.exp(math.fsum(logprobs) / len(logprobs)))


def uncalibrated(evidence: WordEvidence) -> float:
    """Return the model's own opinion of a word, which is known to be too high."""
    return raw_confidence(evidence.logprobs)


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
    heard: Interval,
    speech: Sequence[Interval],
    calibrate: Callable[[WordEvidence], float] = uncalibrated,
) -> tuple[Word, ...]:
    """Return the words of `hypothesis`; joined with spaces they are its text.

    `heard` is where in the stream the samples of its request lie, `speech` the utterance's
    speech, in order. Tokens without times, or that do not spell the text, leave the words
    spread evenly over the speech.
    """
    spelled = spell_words(hypothesis)
    speech = _within(speech, heard) or (heard,)
    times = _time_words([word.tokens for word in spelled], heard) or _spread(len(spelled), speech)
    placed = _in_a_row([_clamp(time, speech) for time in times])
    return tuple(
        _make_word(word.text, word.tokens, time, calibrate)
        for word, time in zip(spelled, placed, strict=True)
    )


def _make_word(
    text: str,
    tokens: Sequence[Token],
    time: Interval,
    calibrate: Callable[[WordEvidence], float],
) -> Word:
    evidence = WordEvidence(
        text=text,
        logprobs=tuple(token.logprob for token in tokens),
        duration_samples=time.end - time.start,
    )
    return Word(
        text=text,
        start_ms=samples_to_ms(time.start),
        end_ms=samples_to_ms(time.end),
        confidence=calibrate(evidence),
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


def _time_words(owned: Sequence[Sequence[Token]], heard: Interval) -> list[Interval]:
    """Return the times of the words' tokens in the stream; none when a word has no time."""
    times = []
    for tokens in owned:
        starts = [token.start for token in tokens if token.start is not None]
        ends = [token.end for token in tokens if token.end is not None]
        if not starts or not ends:
            return []
        start = heard.start + min(starts)
        times.append(Interval(start, max(heard.start + max(ends), start)))
    return times


def _spread(count: int, speech: Sequence[Interval]) -> list[Interval]:
    edges = np.linspace(speech[0].start, speech[-1].end, count + 1).astype(int).tolist()
    return [Interval(start, end) for start, end in pairwise(edges)]


def _within(speech: Sequence[Interval], heard: Interval) -> tuple[Interval, ...]:
    cut = (
        Interval(max(interval.start, heard.start), min(interval.end, heard.end))
        for interval in speech
    )
    return tuple(interval for interval in cut if interval.start < interval.end)


def _clamp(time: Interval, speech: Sequence[Interval]) -> Interval:
    first, last = speech[0].start, speech[-1].end
    start, end = (min(max(position, first), last) for position in (time.start, time.end))
    shared = [interval for interval in speech if interval.start < end and interval.end > start]
    if not shared:
        return Interval(start, end)
    return Interval(max(start, shared[0].start), min(end, shared[-1].end))


def _in_a_row(times: Sequence[Interval]) -> Iterator[Interval]:
    earliest = 0
    for time in times:
        start = max(time.start, earliest)
        earliest = max(time.end, start)
        yield Interval(start, earliest)
