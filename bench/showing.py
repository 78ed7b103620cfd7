"""How calm partials are, and how early: measures of what was shown on the way to each final.

Theory of operation. Every text that was shown is laid against the next one of its utterance, and
the last one against the final, word by word, with the fewest edits; case and punctuation do not
count. A shown word that is replaced or missing in the next text has changed. Words that come new,
or in place of others, are words shown. Time is audio: how much of the clip had been fed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

import jiwer
import numpy as np

from scribewire.types import Word, samples_to_ms

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One text that a user sees until the next one."""

    text: str
    fed_samples: int
    """How much of the clip had been fed when it was shown."""
    stability: float | None = None
    """What the system claims; None when it claims nothing."""
    stable_text: str = ""
    """The beginning that the system will not take back before the final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One utterance as it was shown."""

    shown: tuple[Shown, ...]
    """Its partials, in order."""
    final: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLines:
    """All that one clip gave."""

    clip: str
    speaker: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What was measured, over any number of clips."""

    lines: int = 0
    partials: int = 0
    shown_words: int = 0
    changed_words: int = 0
    """Of the shown words, by the next partial or by the final."""
    changed_by_final: int = 0
    """Of the changed words."""
    shrinking: int = 0
    """Partials shorter than the one before."""
    prefixes: int = 0
    """Partials that their final begins with, letter for letter."""
    differing_last: int = 0
    """Lines whose last partial is no prefix of the final even without case and punctuation."""
    stable_lines: int = 0
    """Lines with words that the system called stable."""
    differing_stable: int = 0
    """Those whose final departs from them."""
    length_changes: tuple[int, ...] = field(default=(), repr=False)
    """Characters, from a partial to the next."""
    delays_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the end of each word to its first showing."""
    first_delays_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the start of each line's first word to the first text."""
    first_right_delays_ms: tuple[int, ...] = field(default=(), repr=False)
    """From there to the first text that holds a word of the final."""

    def __add__(self, other: Showing) -> Showing:
        return Showing(
            lines=self.lines + other.lines,
            partials=self.partials + other.partials,
            shown_words=self.shown_words + other.shown_words,
            changed_words=self.changed_words + other.changed_words,
            changed_by_final=self.changed_by_final + other.changed_by_final,
            shrinking=self.shrinking + other.shrinking,
            prefixes=self.prefixes + other.prefixes,
            differing_last=self.differing_last + other.differing_last,
            stable_lines=self.stable_lines + other.stable_lines,
            differing_stable=self.differing_stable + other.differing_stable,
            length_changes=self.length_changes + other.length_changes,
            delays_ms=self.delays_ms + other.delays_ms,
            first_delays_ms=self.first_delays_ms + other.first_delays_ms,
            first_right_delays_ms=self.first_right_delays_ms + other.first_right_delays_ms,
        )


def plain_words(text: str) -> list[str]:
    """Return the words as they are compared: no case, no marks."""
    return _WORD.findall(text.casefold().replace("\u2019", "'"))


def measure(lines: Sequence[Line], words: Sequence[Word]) -> Showing:
    """Measure the lines of one clip against the times at which its words were spoken."""
    return sum(
        (
            _measure_calm(line) + _measure_delays(line, times)
            for line, times in zip(lines, _times_of_lines(lines, words), strict=True)
        ),
        Showing(),
    )


def _measure_calm(line: Line) -> Showing:
    partials, final = [shown.text for shown in line.shown], line.final.text
    edits = [_edits(before, after) for before, after in pairwise(["", *partials])]
    stable = line.shown[-1].stable_text if line.shown else ""
    by_final = _edits(partials[-1], final)[1] if partials else 0
    return Showing(
        lines=1,
        partials=len(partials),
        shown_words=sum(new for new, _ in edits),
        changed_words=sum(changed for _, changed in edits) + by_final,
        changed_by_final=by_final,
        shrinking=sum(len(after) < len(before) for before, after in pairwise(partials)),
        prefixes=sum(final.startswith(text) for text in partials),
        differing_last=int(bool(partials) and not _begins(final, partials[-1])),
        stable_lines=int(bool(stable)),
        differing_stable=int(not _begins(final, stable)),
        length_changes=tuple(abs(len(b) - len(a)) for a, b in pairwise(partials)),
    )


def _edits(before: str, after: str) -> tuple[int, int]:
    """Return how many words of `after` are new and how many of `before` have changed."""
    old, new = plain_words(before), plain_words(after)
    if not old or not new:  # jiwer takes no empty reference
        return len(new), len(old)
    found = jiwer.process_words(" ".join(old), " ".join(new))
    return found.substitutions + found.insertions, found.substitutions + found.deletions


def _begins(final: str, text: str) -> bool:
    words = plain_words(text)
    return plain_words(final)[: len(words)] == words


def _measure_delays(line: Line, times: Sequence[Word | None]) -> Showing:
    """Return how long each timed word of the final waited, at most until the final."""
    final = plain_words(line.final.text)
    texts = [*line.shown, line.final]
    first: dict[int, int] = {}
    for shown in texts:
        for index in _matches(final, plain_words(shown.text)):
            first.setdefault(index, samples_to_ms(shown.fed_samples))
    delays = [first[index] - word.end_ms for index, word in enumerate(times) if word is not None]
    start = times[0] if times else None
    if start is None:
        return Showing(delays_ms=tuple(delays))
    return Showing(
        delays_ms=tuple(delays),
        first_delays_ms=(samples_to_ms(texts[0].fed_samples) - start.start_ms,),
        first_right_delays_ms=(min(first.values()) - start.start_ms,),
    )


def _matches(final: Sequence[str], words: Sequence[str]) -> list[int]:
    """Return the indices in `final` of the words that both have, in order."""
    blocks = SequenceMatcher(None, final, words, autojunk=False).get_matching_blocks()
    return [index for block in blocks for index in range(block.a, block.a + block.size)]


def _times_of_lines(lines: Sequence[Line], words: Sequence[Word]) -> list[list[Word | None]]:
    """Return for each word of each final the timed word that it is, where there is one."""
    finals = [plain_words(line.final.text) for line in lines]
    spoken = [(plain, word) for word in words for plain in plain_words(word.text)]
    said = [word for final in finals for word in final]
    times: list[Word | None] = [None] * len(said)
    matcher = SequenceMatcher(None, said, [plain for plain, _ in spoken], autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            times[block.a + offset] = spoken[block.b + offset][1]
    ends = np.cumsum([0, *map(len, finals)]).tolist()
    return [times[start:end] for start, end in pairwise(ends)]
