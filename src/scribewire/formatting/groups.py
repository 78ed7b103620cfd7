"""Where one number ends and the next begins, among number words that follow each other.

text2num goes on with a number as long as grammar allows: "one hundred two hundred" is 102 and 100
to it, for it does not look ahead. Here a word begins a number of its own

* where what it begins is as large as what it would be added to: "one hundred | two hundred";
* where it is the first of several digits: "eight hundred | five five five";
* after a zero, which is a digit of several: "zero | six one". text2num parts other digits itself.

A scale ("million") stays a word where the number ends with it, and where little follows: "two
million five hundred" may be 2,500,000. It is a part of the number where thousands follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.formatting.sentence import Sentence

_HUNDRED, _THOUSAND = 2, 3  # ranks: how many zeros
_LEAST_TENS, _LEAST_HUNDRED = 20, 100


def starts_of_numbers(sentence: Sentence) -> frozenset[int]:
    """Return the words that do not go on with the number before them."""
    return frozenset(at for at in range(1, len(sentence.parts)) if _starts(at, sentence))


def joined_scales(sentence: Sentence, starts: frozenset[int]) -> frozenset[int]:
    """Return the scales that are written as a part of the number around them."""
    joined: set[int] = set()
    for run in _runs(sentence, starts):
        scales = [at for at in run if sentence.core(at) in sentence.exceptions.scales]
        if scales and _is_one_number(run, scales, sentence):
            joined.update(scales)
    return frozenset(joined)


def _starts(at: int, sentence: Sentence) -> bool:
    before = _number_before(at, sentence)
    if before is None or sentence.value(at) is None or _is_decimal(at, sentence):
        return False
    if sentence.value(before) == 0:
        return before == at - 1 and not sentence.exceptions.is_zero_joined
    rank = _rank(before, sentence)
    if rank < _HUNDRED or sentence.core(at) in sentence.exceptions.multipliers:
        return False
    return _reaches(rank, at, sentence) or (before == at - 1 and _begins_digits(at, sentence))


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


def _reaches(rank: int, at: int, sentence: Sentence) -> bool:
    """Whether what begins here is multiplied to at least a rank: "(one hundred) two hundred".

    Hundreds may be added up to thousands: "one hundred two thousand" is one number.
    """
    while sentence.is_joined(at + 1) and _may_follow(at + 1, sentence):
        at += 1
        found = _rank(at, sentence)
        is_multiplier = sentence.core(at) in sentence.exceptions.multipliers
        if is_multiplier and (rank == _HUNDRED or found >= _THOUSAND):
            return found == rank if rank == _HUNDRED else found >= rank
    return False


def _may_follow(at: int, sentence: Sentence) -> bool:
    """Whether a word may be in one number with the one before: "twenty one", but not "one one"."""
    value, before = sentence.value(at), sentence.value(at - 1)
    if value is None:
        return sentence.core(at) in sentence.exceptions.linking and _rank(at - 1, sentence) > 0
    if before is None or max(value, before) >= _LEAST_HUNDRED:
        return True
    return before >= _LEAST_TENS > value and before % 10 == 0


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
