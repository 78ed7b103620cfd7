"""The words of a text as numbers are looked for in them: taken apart, and joined to each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from text_to_num import text2num

if TYPE_CHECKING:
    from scribewire.formatting.exceptions import NumberExceptions

_PARTS = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)
_MOST_DIGITS = 15  # longer is no number that anybody counts with
_SOFT_HYPHEN = "\u00ad"  # where a word may be broken; nobody sees it


@dataclass(frozen=True, slots=True)
class Part:
    """A word taken apart."""

    before: str
    core: str
    after: str


@dataclass(frozen=True, slots=True)
class Number:
    """A run of words and what to write for it."""

    first: int
    end: int
    """After its last word."""
    text: str
    is_ordinal: bool = False
    is_small: bool = False
    """Written only beside another number or a scale."""
    is_alone: bool = False
    """Small, and nothing that makes it a number stands directly beside it."""
    is_shown: bool = False
    """Whether a scale, a unit or a point beside it shows that it is a number."""
    is_written: bool = False
    """In digits already, as a model wrote it: nothing is changed about it."""


class Sentence:
    """Words, and what is known about their language. A word is named by its index."""

    def __init__(self, words: Sequence[str], language: str, exceptions: NumberExceptions) -> None:
        self.language = language
        self.exceptions = exceptions
        self.parts = tuple(_take_apart(word) for word in words)
        self._cores = tuple(part.core.lower() for part in self.parts)
        self._values: list[int | None] = [None] * len(self.parts)
        self._values = [self._read(at) for at in range(len(self.parts))]
        for at in range(len(self.parts)):
            if self.is_spoken_zero(at):
                self._values[at] = 0

    def core(self, at: int) -> str:
        """Return a word's core in small letters; nothing beyond either end."""
        return self._cores[at] if 0 <= at < len(self._cores) else ""

    def value(self, at: int) -> int | None:
        """Return what a word counts by itself; None of what is no number, or an ordinal."""
        return self._values[at] if 0 <= at < len(self._values) else None

    def number(self, first: int, last: int) -> int | None:
        """Return what these words count together, the last one included; None of no number."""
        return self._count(" ".join(self.spelled(at) for at in range(first, last + 1)))

    def is_written(self, at: int) -> bool:
        """Whether a word is a whole number in digits already."""
        core = self.core(at)
        return core.isascii() and core.isdecimal() and len(core) <= _MOST_DIGITS

    def is_digit(self, at: int) -> bool:
        """Whether a word is one of the numbers 0 to 9."""
        return self.value(at) in range(10)

    def is_joined(self, at: int) -> bool:
        """Whether this word follows the one before with nothing between them."""
        if not 0 < at < len(self.parts):
            return False
        previous, this = self.parts[at - 1], self.parts[at]
        return bool(previous.core and this.core) and not previous.after and not this.before

    def previous(self, at: int) -> str:
        """Return the core that a word is joined to; empty if it is to none."""
        return self.core(at - 1) if self.is_joined(at) else ""

    def following(self, at: int) -> str:
        """Return the core that is joined to a word; empty if none is."""
        return self.core(at + 1) if self.is_joined(at + 1) else ""

    def touch(self, one: Number, other: Number) -> bool:
        """Whether nothing stands between two numbers."""
        return one.end == other.first and self.is_joined(other.first)

    def link(self, one: Number, other: Number) -> str:
        """Return the only word between two numbers; empty if there is more, or none."""
        is_one_word = other.first == one.end + 1 and self.is_joined(one.end)
        return self.previous(other.first) if is_one_word else ""

    def runs(self, numbers: Sequence[Number]) -> list[list[Number]]:
        """Group the numbers that follow each other with nothing between."""
        runs: list[list[Number]] = []
        for number in numbers:
            if runs and self.touch(runs[-1][-1], number):
                runs[-1].append(number)
            else:
                runs.append([number])
        return runs

    def is_spoken_zero(self, at: int) -> bool:
        """Whether a word is zero only among digits, and stands there: "three oh five".

        It ends them after two or more: "two one oh", where "three, oh" may be a sigh.
        """
        zeros = self.exceptions.spoken_zeros
        if self.core(at) not in zeros or not self.is_joined(at):
            return False
        last = at
        while self.following(last) in zeros:
            last += 1
        if self.is_joined(last + 1):
            is_within = self.is_digit(at - 1) or self.core(at - 1) in self.exceptions.point
            return is_within and self.is_digit(last + 1)
        return self.is_digit(at - 1) and self.is_joined(at - 1) and self.is_digit(at - 2)

    def spelled(self, at: int) -> str:
        """Return a word's core as the library is to read it."""
        if self.is_spoken_zero(at):
            return "zero"
        core = self._cores[at]
        for written, known in self.exceptions.spellings:
            core = core.replace(written, known)
        return core

    def is_excepted(self, at: int) -> bool:
        """Whether a word that the library would take for a number is none here."""
        if self.core(at) in self.exceptions.never or self._multiplies_digits(at):
            return True
        rule = self.exceptions.not_numbers.get(self.core(at))
        if rule is None:
            return False
        following, previous = self.following(at), self.previous(at)
        one_more = self.previous(at - 1) if previous else ""
        return rule.holds(one_more, previous, following)

    def _multiplies_digits(self, at: int) -> bool:
        """Whether this is the word in "20 thousand", which the library would make 1000 of."""
        has_digits = any(map(str.isdigit, self.previous(at)))
        return has_digits and self.core(at) in self.exceptions.multipliers

    def _read(self, at: int) -> int | None:
        return None if self.is_excepted(at) else self._count(self.spelled(at))

    def _count(self, words: str) -> int | None:
        try:
            return int(text2num(words, self.language))
        except ValueError:
            return None


def _take_apart(word: str) -> Part:
    # text2num takes no half of a surrogate pair, and no letter apart from its accent
    word = unicodedata.normalize("NFC", word.encode("utf-8", "replace").decode())
    match = _PARTS.fullmatch(word.replace(_SOFT_HYPHEN, ""))
    assert match is not None
    return Part(match[1], match[2], match[3])
