"""Where one number ends and the next begins, among number words that follow each other.

text2num goes on with a number as long as grammar allows, for it does not look ahead: "one hundred
two hundred" is 102 and 100 to it. Asked about all the words at once it says that they are no
number, and then they are parted here

* where all of them count, each one more than the one before: "ninety-nine | hundred | hundred one"
  in languages that say "hundred", not "one hundred";
* where both parts are numbers, and of such places where the two are nearest in size: "one hundred
  fifty | two hundred", since 100 and 5200 are further apart. A multiplier seldom begins one;
* where an "and" is none that numbers have: "fifty and | one hundred";
* between the two that a word such as "between" promises: "between two and | thirty" in Dutch and
  German, where that is 32 elsewhere;
* before the first of several digits: "eight hundred | five five five";
* after a zero, which is a digit of several: "zero | six one", but for telephone numbers where a
  language has them in pairs.

A scale ("million") stays a word where the number ends with it, and where little follows: "two
million five hundred" may be 2,500,000. It is a part of the number where thousands follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.formatting.sentence import Sentence

_HUNDRED, _THOUSAND = 2, 3  # ranks: how many zeros
_LEAST_TENS = 20
_LONGEST = 8  # words of a number that is counted
_LEAST_COUNTED = 2  # numbers after the first
_FAR = 10  # times as large: too far apart to be counted on from one to the other


def starts_of_numbers(sentence: Sentence) -> frozenset[int]:
    """Return the words that do not go on with the number before them."""
    starts: set[int] = set()
    for run in _runs(sentence, frozenset()):
        parted = _part_counted(run, sentence) or _part(run, sentence)
        starts |= parted or _part_range(run, sentence)
    return frozenset(starts)


def joined_scales(sentence: Sentence, starts: frozenset[int]) -> frozenset[int]:
    """Return the scales that are written as a part of the number around them."""
    joined: set[int] = set()
    for run in _runs(sentence, starts):
        scales = [at for at in run if sentence.core(at) in sentence.exceptions.scales]
        if scales and _is_one_number(run, scales, sentence):
            joined.update(scales)
    return frozenset(joined)


def _part(run: list[int], sentence: Sentence) -> set[int]:
    """Return where numbers begin in a run of number words, but for its first."""
    starts: set[int] = set()
    first = 0
    for last in range(1, len(run)):
        if _is_decimal(run[last], sentence):
            first = last
        elif _begins(run[last - 1], run[last], sentence):
            first = last
            starts.add(run[first])
        elif sentence.number(run[first], run[last]) is None:
            first = _nearest(run, first, last, sentence)
            starts.add(run[first])
    return starts


def _part_counted(run: list[int], sentence: Sentence) -> set[int]:
    """Return where numbers begin in a run that counts, each one more than the one before."""
    if _is_decimal(run[0], sentence):
        return set()
    for end in range(1, min(len(run), _LONGEST)):
        starts = _count_on(run, end, sentence)
        if len(starts) >= _LEAST_COUNTED:
            return set(starts)
    return set()


def _count_on(run: list[int], at: int, sentence: Sentence) -> list[int]:
    """Return where numbers begin if all are counted on from the first; nothing if not all are."""
    number = sentence.number(run[0], run[at - 1])
    starts: list[int] = []
    while at < len(run):
        if number is None:
            return []
        number += 1
        starts.append(run[at])
        ends = range(at + 1, min(len(run), at + _LONGEST) + 1)
        counted = (end for end in ends if sentence.number(run[at], run[end - 1]) == number)
        at = next(counted, len(run) + 1)
    return starts if at == len(run) else []


def _begins(before: int, at: int, sentence: Sentence) -> bool:
    """Whether a word begins a number whatever grammar says."""
    if before < at - 1:
        return not _is_linked(before, at, sentence)
    if sentence.value(before) == 0:
        return not _is_telephone(before, sentence)
    return _rank(before, sentence) >= _HUNDRED and _begins_digits(at, sentence)


def _is_telephone(zero: int, sentence: Sentence) -> bool:
    """Whether a zero and what follows are one: "zéro six", or "nul zes" where more follows."""
    if sentence.exceptions.is_zero_joined:
        return True
    while sentence.is_joined(zero) and sentence.value(zero - 1) == 0:
        zero -= 1
    is_first = not sentence.is_joined(zero) or sentence.value(zero - 1) is None
    goes_on = sentence.is_joined(zero + 2) and sentence.value(zero + 2) is not None
    return is_first and goes_on and sentence.exceptions.is_first_zero_joined


def _is_linked(before: int, at: int, sentence: Sentence) -> bool:
    """Whether the "and" between two words is one that numbers have."""
    exceptions = sentence.exceptions
    one, other = sentence.value(before), sentence.value(at)
    if one is None or other is None or sentence.core(at) in exceptions.multipliers:
        return False
    if exceptions.linked and other not in exceptions.linked:
        return False
    if _rank(before, sentence) >= _HUNDRED:
        return True
    if exceptions.linked:
        return one >= _LEAST_TENS
    is_tens = other >= _LEAST_TENS and other % 10 == 0
    return exceptions.is_unit_first and one % 100 in range(1, 10) and is_tens


def _nearest(run: list[int], first: int, last: int, sentence: Sentence) -> int:
    """Return where in a run to part what is no number, its two parts nearest in size."""
    distances: dict[int, float] = {}
    unlikely: dict[int, float] = {}
    for cut in range(first + 1, last + 1):
        one = sentence.number(run[first], run[cut - 1])
        other = sentence.number(run[cut], run[last])
        if one is not None and other is not None:
            found = unlikely if _is_unlikely(run[cut], sentence) else distances
            found[cut] = max(one, other) / max(1, min(one, other))
    if not distances or min(distances.values()) > _FAR:
        distances |= unlikely
    return min(distances, key=lambda cut: distances[cut], default=last)


def _is_unlikely(at: int, sentence: Sentence) -> bool:
    """Whether what begins here is seldom said after another number: "hundred", "twenty hundred"."""
    value, following = sentence.value(at), sentence.value(at + 1)
    is_tens_of_hundreds = value in range(10, 100, 10) and following == 10**_HUNDRED
    return sentence.core(at) in sentence.exceptions.multipliers or is_tens_of_hundreds


def _part_range(run: list[int], sentence: Sentence) -> set[int]:
    """Return where the second number begins after "between", the smaller before the larger."""
    previous = sentence.previous(run[0])
    one_more = sentence.previous(run[0] - 1) if previous else ""
    if sentence.exceptions.between.isdisjoint((previous, one_more)):
        return set()
    for before, at in pairwise(run):
        if before < at - 1:
            one, other = sentence.number(run[0], before), sentence.number(at, run[-1])
            if one is not None and other is not None and one < other:
                return {at}
    return set()


def _number_before(at: int, sentence: Sentence) -> int | None:
    """Return the number word that this one follows, with or without an "and"."""
    if not sentence.is_joined(at):
        return None
    before = at - 1
    if sentence.core(before) in sentence.exceptions.linking and sentence.is_joined(before):
        before -= 1
    return None if sentence.value(before) is None else before


def _is_decimal(at: int, sentence: Sentence) -> bool:
    """Whether only digits stand between this word and a decimal point."""
    while sentence.is_joined(at) and sentence.is_digit(at - 1):
        at -= 1
    return sentence.previous(at) in sentence.exceptions.point


def _rank(at: int, sentence: Sentence) -> int:
    """Return 2 for hundreds, 3 for thousands, 6 for millions ...; 0 for less."""
    digits = str(sentence.value(at) or 1)
    zeros = len(digits) - len(digits.rstrip("0"))
    return zeros - zeros % _THOUSAND if zeros >= _THOUSAND else zeros // _HUNDRED * _HUNDRED


def _begins_digits(at: int, sentence: Sentence) -> bool:
    if not sentence.is_digit(at) or not sentence.is_joined(at + 1):
        return False
    is_multiplied = sentence.following(at + 1) in sentence.exceptions.multipliers
    return sentence.is_digit(at + 1) and not is_multiplied


def _runs(sentence: Sentence, starts: frozenset[int]) -> Iterator[list[int]]:
    """Group the number words that follow each other and may be one number."""
    run: list[int] = []
    for at in range(len(sentence.parts)):
        if sentence.value(at) is None:
            continue
        if run and (at in starts or not _goes_on(run[-1], at, sentence)):
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _goes_on(before: int, at: int, sentence: Sentence) -> bool:
    is_scale = sentence.core(before) in sentence.exceptions.scales
    return _number_before(at, sentence) == before and not (is_scale and before < at - 1)


def _is_one_number(run: list[int], scales: list[int], sentence: Sentence) -> bool:
    exceptions = sentence.exceptions
    if sentence.previous(run[0]) in exceptions.point:
        return False
    if run[0] in scales and sentence.previous(run[0]) not in exceptions.absorbed_articles:
        return False
    after = run[run.index(scales[-1]) + 1 :]
    return any(_rank(at, sentence) >= _THOUSAND for at in after)
