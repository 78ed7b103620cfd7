"""Partials that do not flicker: what is shown of each hypothesis, and what stays.

Theory of operation. Every hypothesis of an utterance is decoded afresh from more audio, so it may
say anything. Two things keep the text calm.

*What is stable stays.* Words that two hypotheses in a row agree on (but for case and punctuation)
become stable: every later partial begins with them, letter for letter. The next hypothesis is laid
against them, and what it says beyond them is the tail.

*What is doubtful is not shown.* Of the tail, only the words up to the first one that the engine is
unsure of are shown, and never the last one: the audio may have cut it in half. In a pause nothing
has been cut, so the last word counts too. The first word of an utterance is shown more readily,
even when it is the last, for showing that somebody speaks is worth a correction.

A hypothesis that repeats itself has lost the thread: it ends before the first repetition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.recognition.calibration import ShowingBounds

MAX_SHIFT_WORDS = 3  # further apart, equal words are other words
MAX_ANCHOR_WORDS = 4  # the last stable words that a hypothesis is laid against
MAX_PERIOD_WORDS = 6  # longer repetitions are figures of speech


class _Lettered(Protocol):
    """A word that can be compared."""

    @property
    def letters(self) -> str:
        """What counts when words are compared."""


@dataclass(frozen=True, slots=True)
class DecodedWord:
    """One word of a hypothesis."""

    text: str
    """With its punctuation and case."""
    probability: float
    """The engine's own for its least likely token."""

    @property
    def letters(self) -> str:
        """What counts when words are compared."""
        return letters_of(self.text)


@dataclass(frozen=True, slots=True)
class ShownText:
    """A partial's text, and what is known about how long it will last."""

    words: tuple[DecodedWord, ...]
    """What is shown."""
    stable_count: int
    """How many of the words every later partial keeps."""
    seen_count: int
    """How many of the words the hypothesis before this one had too, in their places."""
    is_settled: bool
    """Whether it was decoded in a pause, as a final is."""

    @property
    def text(self) -> str:
        """The words joined; a mark after the last one is left out until more has been decoded."""
        joined = " ".join(word.text for word in self.words)
        return joined if self.is_settled else joined.rstrip(",.;:?!-")


class Stabilizer:
    """Decide what the partials of one utterance show."""

    def __init__(self, bounds: ShowingBounds) -> None:
        self._bounds = bounds
        self._stable: list[DecodedWord] = []  # kept by every later partial
        self._latest: list[DecodedWord] = []  # the last hypothesis, laid against the stable words
        self._has_shown = False

    def receive_hypothesis(self, words: Sequence[DecodedWord], *, is_settled: bool) -> ShownText:
        """Take the utterance's next hypothesis and return what to show; it may be nothing."""
        words = cut_repetition(words)
        candidate = [*self._stable, *words[continuation(self._stable, words) :]]
        whole_count = len(candidate) if is_settled else len(candidate) - 1
        seen_count = common_count(candidate, self._latest)
        stable_count = max(len(self._stable), min(seen_count, whole_count))
        self._stable = candidate[:stable_count]
        self._latest = candidate
        shown = stable_count
        if not self._has_shown and not shown:
            shown = int(self._may_be_first(candidate[:1]))
        if shown:
            sure = self._bounds.min_probability
            while shown < whole_count and candidate[shown].probability >= sure:
                shown += 1
        self._has_shown = self._has_shown or shown > 0
        return ShownText(tuple(candidate[:shown]), stable_count, seen_count, is_settled)

    def _may_be_first(self, words: Sequence[DecodedWord]) -> bool:
        return any(word.probability >= self._bounds.min_first_probability for word in words)


def letters_of(text: str) -> str:
    """Return what counts of a word when words are compared."""
    return "".join(c for c in text.casefold() if c.isalnum() or c == "'")


def continuation(stable: Sequence[DecodedWord], words: Sequence[DecodedWord]) -> int:
    """Return the index in `words` of the first one that goes on after the stable ones.

    Where they differ, the place is sought where most of the last stable words stand, no more
    than `MAX_SHIFT_WORDS` from where they should.
    """
    known, decoded = [w.letters for w in stable], [w.letters for w in words]
    if decoded[: len(known)] == known:
        return len(known)
    for length in range(min(MAX_ANCHOR_WORDS, len(known)), 0, -1):
        anchor = known[-length:]
        ends = [
            end
            for end in range(length, len(decoded) + 1)
            if decoded[end - length : end] == anchor and abs(end - len(known)) <= MAX_SHIFT_WORDS
        ]
        if ends:
            return min(ends, key=lambda end: abs(end - len(known)))
    return min(len(known), len(decoded))


def cut_repetition(
    words: Sequence[DecodedWord], *, max_period_words: int = MAX_PERIOD_WORDS
) -> Sequence[DecodedWord]:
    """Return the words up to where they begin to repeat themselves.

    Three times the same is a repetition, and so is twice the same two words or more at the very
    end, where a decoder that has lost the thread runs until it is stopped.
    """
    letters = [word.letters for word in words]
    for start in range(len(letters)):
        for period in range(1, max_period_words + 1):
            unit = letters[start : start + period]
            times = 1
            while letters[start + times * period : start + (times + 1) * period] == unit:
                times += 1
            is_at_end = start + (times + 1) * period > len(letters)
            if times > 2 or (times == 2 and period > 1 and is_at_end):  # noqa: PLR2004 - see above
                return words[: start + period]
    return words


def common_count(one: Sequence[_Lettered], other: Sequence[_Lettered]) -> int:
    """Return how many words two texts begin with alike, but for case and punctuation."""
    count = 0
    while count < min(len(one), len(other)) and one[count].letters == other[count].letters:
        count += 1
    return count
