"""Hypotheses that repeat themselves, told from what somebody said more than once.

Theory of operation. A decoder that hears a crowd, or a buzz, guesses a sentence and copies it until
the audio or the token guard ends it. Copies are easy, so the tokens become ever more certain, and
the mean of all of them says nothing: what counts is how the sentence was said first. Two witnesses
tell a copy:

    said first                  said again (s)        log-probability of the first
    I'm so excited.             0.8 1.5 0.4 0.2 1.9   -1.3    a loop: a guess, of any length
    Tell me what happened.      2.4 2.5 2.5           -0.3    said three times

* The first was a guess. Who really repeats a sentence is heard at once.
* The copies are not of one length: they hear nothing of their own, so times that an engine finds by
  its cross attention are arbitrary.

A loop keeps its first saying, and what follows it if the decode ended by itself; a decode that was
stopped is cut at any repetition. Where more than half was copied, the decoder heard nothing that it
knew: what is left is believed only if it is certain in itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scribewire.recognition.requests import Hypothesis
from scribewire.recognition.stabilizer import DecodedWord, cut_repetition, letters_of
from scribewire.recognition.words import SpelledWord, spell_words

if TYPE_CHECKING:
    from scribewire.recognition.calibration import LoopBounds
    from scribewire.recognition.requests import Token

MIN_TIMES_OF_ONE_WORD = 3  # "no no" is seldom a loop
LONG_WORDS = 6  # of so many words the mean is steady: noise makes few of them doubtful alike
MANY_TIMES = 4  # nobody says a sentence so often without a beat


@dataclass(frozen=True, slots=True)
class _Repetition:
    """The same words several times in a row."""

    start: int
    period: int  # words of one saying
    times: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.times

    def sayings(self, words: Sequence[SpelledWord]) -> list[Sequence[SpelledWord]]:
        starts = range(self.start, self.end, self.period)
        return [words[start : start + self.period] for start in starts]


def without_loop(hypothesis: Hypothesis, bounds: LoopBounds) -> Hypothesis:
    """Return a hypothesis without what it repeats in a loop: itself when there is none.

    It has no text where most was a loop and the rest a guess.
    """
    words = spell_words(hypothesis)
    kept = _without_copies(words, bounds)
    if not hypothesis.is_complete:
        decoded = [DecodedWord(word.text, word.probability) for word in kept]
        kept = kept[: len(cut_repetition(decoded, max_period_words=len(kept)))]
    if len(kept) == len(words):
        return hypothesis
    tokens = tuple(token for word in kept for token in word.tokens)
    is_mostly_copied = 2 * len(kept) < len(words)
    if is_mostly_copied and _mean_logprob(tokens) < bounds.min_logprob:
        return Hypothesis("", ())
    return replace(hypothesis, text=" ".join(word.text for word in kept), tokens=tokens)


def _without_copies(words: Sequence[SpelledWord], bounds: LoopBounds) -> list[SpelledWord]:
    kept: list[SpelledWord] = []
    done = 0
    for found in _repetitions([letters_of(word.text) for word in words]):
        if not _is_loop(found, words, bounds):
            continue
        kept += words[done : found.start + found.period]
        done = found.end
        first = [letters_of(word.text) for word in words[found.start : found.start + found.period]]
        rest = [letters_of(word.text) for word in words[done:]]
        if first[: len(rest)] == rest:  # the last copy was cut off
            done = len(words)
    return [*kept, *words[done:]]


def _repetitions(letters: Sequence[str]) -> Iterator[_Repetition]:
    """Give what is repeated, in order, none inside another: at each place what reaches furthest."""
    start = 0
    while start < len(letters):
        longest = max(
            _repetitions_from(start, letters), key=lambda one: (one.end, -one.period), default=None
        )
        if longest is None:
            start += 1
        else:
            yield longest
            start = longest.end


def _repetitions_from(start: int, letters: Sequence[str]) -> Iterator[_Repetition]:
    for period in range(1, (len(letters) - start) // 2 + 1):
        if letters[start + period] != letters[start]:
            continue
        unit = letters[start : start + period]
        times = 1
        while letters[start + times * period : start + (times + 1) * period] == unit:
            times += 1
        if times > 1:
            yield _Repetition(start, period, times)


def _is_loop(found: _Repetition, words: Sequence[SpelledWord], bounds: LoopBounds) -> bool:
    if found.period == 1 and found.times < MIN_TIMES_OF_ONE_WORD:
        return False
    sayings = found.sayings(words)
    first = _mean_logprob([token for word in sayings[0] for token in word.tokens])
    is_long = found.period >= LONG_WORDS
    if first < (bounds.long_guess_logprob if is_long else bounds.guess_logprob):
        return True
    is_suspect = first < bounds.doubtful_logprob or found.times >= MANY_TIMES
    return is_suspect and found.period > 1 and _stretch(sayings) > bounds.max_stretch


def _stretch(sayings: Sequence[Sequence[SpelledWord]]) -> float:
    """Return how many times longer the longest saying is than the shortest; 1 without times."""
    lengths = []
    for saying in sayings:
        edges = [(t.start, t.end) for word in saying for t in word.tokens]
        starts = [start for start, _ in edges if start is not None]
        ends = [end for _, end in edges if end is not None]
        if not starts or not ends:
            return 1.0
        lengths.append(max(max(ends) - min(starts), 1))
    return max(lengths) / min(lengths)


def _mean_logprob(tokens: Sequence[Token]) -> float:
    return sum(token.logprob for token in tokens) / len(tokens) if tokens else 0.0
