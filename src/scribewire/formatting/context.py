"""What the words around a number make of it: one thing a function.

The library finds every number word, and some are to stay words: an article, a part of a fraction,
the hour in an idiom, a noun, and "five to six hundred", which is no 5. A single zero, one or two
and a single first or second stay words too, since they more often are something else ("no one",
"wait a second"), but for those before a scale, in a date or beside another number.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.formatting.sentence import Number, Sentence

_TWENTY, _HUNDRED, _THOUSAND = 20, 100, 1000
_MOST_HUNDREDS = 20  # "nineteen hundred" is said, "fifty-two hundred" seldom
_HOURS, _MINUTES = 12, 60


def leave_words(found: list[Number], sentence: Sentence) -> list[Number]:
    """Return the numbers that are to be written, of all that were found."""
    numbers = _leave_fractions(_leave_nouns(found, sentence), sentence)
    numbers = _leave_halves(_leave_shared(numbers, sentence), sentence)
    numbers = _leave_hours(numbers, sentence)
    numbers = _leave_articles(_leave_alone(numbers, sentence), sentence)
    return [_absorb_article(number, sentence) for number in numbers]


def _leave_nouns(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out words with a capital where nouns have one: "das Dritte Reich", "die Elf"."""
    if not sentence.exceptions.are_nouns_capital:
        return numbers
    return [number for number in numbers if not _is_noun(number, sentence)]


def _is_noun(number: Number, sentence: Sentence) -> bool:
    is_capital = sentence.parts[number.first].core[:1].isupper()
    is_within = number.end - number.first == 1 and sentence.is_joined(number.first)
    return is_capital and (number.is_ordinal or is_within)


def _leave_fractions(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out "third" in "a third of them", and both words of "five sixths"."""
    kept: list[Number] = []
    for number in numbers:
        if sentence.following(number.end - 1) in sentence.exceptions.parts:
            _leave_wholes(kept, number, sentence)
        elif not _is_part(number, sentence):
            kept.append(number)
        elif kept and sentence.touch(kept[-1], number):
            kept.pop()
    return kept


def _is_part(number: Number, sentence: Sentence) -> bool:
    is_one_word = number.end - number.first == 1
    starts = sentence.exceptions.fraction_starts
    is_started = is_one_word and sentence.previous(number.first) in starts
    return number.is_ordinal and (is_started or number.text.endswith("s"))


def _leave_wholes(kept: list[Number], number: Number, sentence: Sentence) -> None:
    """Leave out the two of "two and three quarters"."""
    linking = sentence.exceptions.linking
    if kept and kept[-1].is_small and sentence.link(kept[-1], number) in linking:
        kept.pop()


def _leave_shared(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out both of "five to six hundred" and "five- or six hundred": no 5 was spoken of."""
    left: set[int] = set()
    for one, other in pairwise(numbers):
        link = sentence.link(one, other)
        is_linked = link in sentence.exceptions.links or link in sentence.exceptions.linking
        is_list = sentence.parts[one.end - 1].after == "," and other.first == one.end
        if sentence.touch(one, other) or is_list or is_linked:
            if _share(one, other, is_linked=is_linked):
                left |= {one.first, other.first}
        elif sentence.parts[one.end - 1].after == "-" and other.first <= one.end + 1:
            left |= {one.first, other.first}
    return [number for number in numbers if number.first not in left]


def _share(one: Number, other: Number, *, is_linked: bool) -> bool:
    """Whether the hundreds or thousands of a number may be another's as well."""
    if not one.text.isdecimal() or not other.text.isdecimal():
        return False
    first, second = int(one.text), int(other.text)
    if second % _THOUSAND == 0:
        multiplied = second // _THOUSAND
    else:
        multiplied, rest = divmod(second, _HUNDRED)
        if rest or multiplied >= _MOST_HUNDREDS:
            return False
    return 0 < first < multiplied if is_linked else 0 < first == multiplied - 1


def _leave_halves(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out "hundred" in "two hundred 20": a model may have written half of 220 in digits."""
    left: set[int] = set()
    for run in sentence.runs(numbers):
        if run[1:] and not run[2:] and _are_halves(*run):
            left |= {number.first for number in run}
    for one, other in pairwise(numbers):
        is_linked = sentence.link(one, other) in sentence.exceptions.linking
        is_unit = sentence.exceptions.is_unit_first and _are_halves(other, one)
        if is_linked and (is_unit or _are_halves(one, other)):
            left |= {one.first, other.first}
    return [number for number in numbers if number.first not in left]


def _are_halves(one: Number, other: Number) -> bool:
    """Whether one number may be the rest of the other, and only one of them was in digits."""
    if one.is_written == other.is_written or not (one.text + other.text).isdecimal():
        return False
    zeros = len(one.text) - len(one.text.rstrip("0"))
    is_rest = not other.text.startswith("0") and len(other.text) <= zeros
    return is_rest and not one.text.startswith("0") and int(one.text) >= _TWENTY


def _leave_hours(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out "ten" in "half past ten", where some languages mean half an hour earlier."""
    return [number for number in numbers if not _is_idiom(number, sentence)]


def _is_idiom(number: Number, sentence: Sentence) -> bool:
    if number.is_ordinal or not number.text.isdecimal():
        return False
    before = sentence.previous(number.first)
    after = sentence.following(number.end - 1)
    two_before = f"{sentence.previous(number.first - 1)} {before}" if before else ""
    two_after = f"{after} {sentence.following(number.end)}" if after else ""
    exceptions, value = sentence.exceptions, int(number.text)
    is_hour = value <= _HOURS and not exceptions.before_hours.isdisjoint((before, two_before))
    return is_hour or (value < _MINUTES and two_after in exceptions.after_minutes)


def _leave_alone(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out small numbers that nothing beside them shows to be numbers."""
    shown: set[int] = set()
    for one, other in pairwise(numbers):
        if one.is_ordinal == other.is_ordinal:
            shown |= _shown_by_each_other(one, other, sentence)
    ones = sentence.exceptions.articles | sentence.exceptions.pronouns
    shown |= {
        number.first
        for number in numbers
        if sentence.core(number.first) not in ones and _is_day(number, sentence)
    }
    return [
        replace(number, is_shown=True) if number.first in shown else number
        for number in numbers
        if number.first in shown or not number.is_alone
    ]


def _shown_by_each_other(one: Number, other: Number, sentence: Sentence) -> set[int]:
    """Return the small ones of two numbers that the other, and what is between, show to be one."""
    exceptions, link = sentence.exceptions, sentence.link(one, other)
    if link in exceptions.point or (link in exceptions.units and not other.is_alone):
        return {one.first, other.first}
    if link not in exceptions.links or one.is_alone == other.is_alone:
        return set()
    alone = one if one.is_alone else other
    is_one = sentence.core(alone.first) in exceptions.articles | exceptions.pronouns
    is_range = alone is one and sentence.previous(alone.first) in exceptions.ranges
    return {alone.first} if is_range or not is_one else set()


def _is_day(number: Number, sentence: Sentence) -> bool:
    """Whether the month stands beside it: "the first of May", "le premier mai"."""
    exceptions, last = sentence.exceptions, number.end - 1
    if sentence.previous(number.first) in exceptions.before_days:
        return number.is_ordinal and not sentence.following(last)
    if exceptions.before_months:
        is_joined = sentence.following(last) in exceptions.before_months
        return is_joined and sentence.following(last + 1) in exceptions.months
    return sentence.following(last) in exceptions.months


def _leave_articles(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out a one that is an article, and a small number that it alone made one of two."""
    kept: list[Number] = []
    runs = sentence.runs(numbers)
    for at, run in enumerate(runs):
        is_article = sentence.core(run[0].first) in sentence.exceptions.articles
        is_one = run[0].end - run[0].first == 1 and not run[0].is_shown
        is_counted = run[2:] or _is_listed(runs[at : at + 3], sentence)
        if is_article and is_one and not is_counted:
            kept += [number for number in run[1:] if not number.is_small]
        else:
            kept += run
    return kept


def _is_listed(runs: list[list[Number]], sentence: Sentence) -> bool:
    """Whether a one begins a list of three: "un, deux, trois", "een, twee en drie"."""
    texts = [run[0].text for run in runs if not run[1:]]
    is_list = sentence.parts[runs[0][0].first].after == ","
    return is_list and texts == ["1", "2", "3"] and runs[2][0].first <= runs[0][0].first + 3


def _absorb_article(number: Number, sentence: Sentence) -> Number:
    """Let "a hundred" be 100, not "a 100"."""
    exceptions = sentence.exceptions
    is_absorbing = sentence.core(number.first) in exceptions.absorbing
    if is_absorbing and sentence.previous(number.first) in exceptions.absorbed_articles:
        return replace(number, first=number.first - 1)
    return number
