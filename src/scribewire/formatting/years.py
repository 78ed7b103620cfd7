"""Years that are spoken as two numbers: "nineteen ninety-four" is 1994, "twelve fifty" is not.

Two numbers in a row may as well be a price, a score, the time of day, or two that are counted. A
pair is a year only when no third number stands beside it and no unit follows, and then

* where a word before it says so, for any century: "in seventeen fifty", "born eighteen sixty";
* where a word before it may say so, and none speaks against it: "the end of nineteen fifty", but
  not "Of twenty thirty survived", where the phrase begins with it and something counted follows;
* for the centuries of those alive, where no word before it speaks against it and nothing that may
  be counted follows: the phrase ends there, or goes on with a word such as "and" or "was".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scribewire.formatting.sentence import Number

if TYPE_CHECKING:
    from scribewire.formatting.exceptions import PairedYears
    from scribewire.formatting.sentence import Sentence

_NEAR = 3  # words: "the score was now nineteen twenty"


def join_years(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Write "nineteen ninety-four" as one number; leave "the nineteen eighties" as words."""
    years = sentence.exceptions.years
    written = numbers if years is None else _Pairs(numbers, sentence, years).join()
    decades = sentence.exceptions.decades
    return [number for number in written if sentence.following(number.end - 1) not in decades]


class _Pairs:
    """The numbers of a sentence, two of which may be a year."""

    def __init__(self, numbers: list[Number], sentence: Sentence, rules: PairedYears) -> None:
        self._numbers = numbers
        self._sentence = sentence
        self._rules = rules
        self._last_year: Number | None = None

    def join(self) -> list[Number]:
        """Return the numbers with the two of each year as one."""
        joined: list[Number] = []
        rest: Number | None = None
        for at, number in enumerate(self._numbers):
            if number is rest:
                continue
            rest = self._rest_of_year(at)
            if rest is None:
                joined.append(number)
                continue
            year = Number(number.first, rest.end, f"{number.text}{rest.text:0>2}")
            self._last_year = year
            joined.append(year)
        return joined

    def _rest_of_year(self, at: int) -> Number | None:
        """Return the number that makes a year of this one."""
        if at + 1 == len(self._numbers):
            return None
        century, rest = self._numbers[at : at + 2]
        if century.is_written or rest.is_written:
            return None
        is_year = (
            self._is_pair(century, rest)
            and self._stands_alone(at)
            and self._sentence.following(rest.end - 1) not in self._rules.units
            and self._is_dated(century, rest)
        )
        return rest if is_year else None

    def _is_pair(self, century: Number, rest: Number) -> bool:
        between = range(century.end, rest.first + 1)
        if rest.is_ordinal or not all(map(self._sentence.is_joined, between)):
            return False
        if self._sentence.core(century.end) in self._rules.zeros:
            return rest.first == century.end + 1 and len(rest.text) == 1
        return rest.first == century.end and re.fullmatch("[1-9][0-9]", rest.text) is not None

    def _stands_alone(self, at: int) -> bool:
        """Whether no third number stands beside the two, but for the day of a date."""
        numbers = self._numbers
        if at + 2 < len(numbers) and self._sentence.touch(numbers[at + 1], numbers[at + 2]):
            return False
        if at == 0 or not self._sentence.touch(numbers[at - 1], numbers[at]):
            return True
        day = numbers[at - 1]
        return day.is_ordinal or self._sentence.previous(day.first) in self._rules.months

    def _is_dated(self, century: Number, rest: Number) -> bool:
        """Whether what stands around the two numbers is what stands around a year."""
        rules, sentence = self._rules, self._sentence
        is_recent = century.text in rules.recent
        if not is_recent and century.text not in rules.earlier:
            return False
        previous = sentence.previous(century.first)
        if self._is_said(century) or (is_recent and previous in rules.articles):
            return True
        if self._speaks_against(century):
            return False
        following = sentence.following(rest.end - 1)
        is_uncounted = not following or following in rules.going_on
        if previous in rules.perhaps_after:
            return is_uncounted or sentence.is_joined(century.first - 1)
        return is_recent and is_uncounted

    def _is_said(self, century: Number) -> bool:
        """Whether a year, and nothing else, follows what stands before the century."""
        previous, last = self._sentence.previous(century.first), self._last_year
        is_range = last is not None and last.end == century.first - 1
        return (
            previous in self._rules.after
            or (is_range and previous in self._rules.ranges)
            or self._follows_day(century)
        )

    def _speaks_against(self, century: Number) -> bool:
        """Whether a price, a score or the like has been spoken of just before."""
        at, against = century.first, self._rules.against
        if self._sentence.previous(at) in self._rules.against_directly:
            return True
        for _ in range(_NEAR):
            if not self._sentence.previous(at):
                return False
            at -= 1
            if self._sentence.core(at) in against:
                return True
        return False

    def _follows_day(self, century: Number) -> bool:
        first = century.first - 1
        return any(
            number.end == century.first
            and (number.is_ordinal or self._sentence.previous(number.first) in self._rules.months)
            for number in self._numbers
            if number.first <= first
        )
