"""Years that are spoken as two numbers: "nineteen ninety-four" is 1994, "twelve fifty" is not.

Two numbers in a row may as well be a price, the time of day, or two that are counted. A pair is a
year only when no third number stands beside it, nothing says that it is a price, and nothing that
can be counted follows. The centuries of those alive make a year then; an earlier one needs a word
before it that years have: "in seventeen fifty".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scribewire.formatting.sentence import Number

if TYPE_CHECKING:
    from scribewire.formatting.exceptions import PairedYears
    from scribewire.formatting.sentence import Sentence


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
        is_year = (
            self._is_pair(century, rest)
            and self._stands_alone(at)
            and not self._is_counted(century, rest)
            and self._is_dated(century)
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
        if at + 2 < len(numbers) and self._touch(numbers[at + 1], numbers[at + 2]):
            return False
        if at == 0 or not self._touch(numbers[at - 1], numbers[at]):
            return True
        day = numbers[at - 1]
        return day.is_ordinal or self._sentence.previous(day.first) in self._rules.months

    def _touch(self, one: Number, other: Number) -> bool:
        return one.end == other.first and self._sentence.is_joined(other.first)

    def _is_counted(self, century: Number, rest: Number) -> bool:
        previous = self._sentence.previous(century.first)
        one_more = self._sentence.previous(century.first - 1) if previous else ""
        is_priced = not self._rules.prices.isdisjoint((previous, one_more))
        return is_priced or self._sentence.following(rest.end - 1) in self._rules.counted

    def _is_dated(self, century: Number) -> bool:
        """Whether the century, or what stands before it, is one of a year."""
        rules = self._rules
        if century.text in rules.recent:
            return True
        if century.text not in rules.earlier:
            return False
        previous = self._sentence.previous(century.first)
        last = self._last_year
        is_range = previous in rules.ranges and last is not None and last.end == century.first - 1
        return is_range or previous in rules.after or self._follows_day(century)

    def _follows_day(self, century: Number) -> bool:
        first = century.first - 1
        return any(
            number.end == century.first
            and (number.is_ordinal or self._sentence.previous(number.first) in self._rules.months)
            for number in self._numbers
            if number.first <= first
        )
