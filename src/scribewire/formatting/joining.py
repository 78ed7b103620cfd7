"""Numbers that are written as one: decimals that the library leaves apart, and times of day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.formatting.sentence import Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.formatting.sentence import Sentence

_HOURS, _MINUTES = range(1, 13), range(60)


def join_decimals(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Write "drei Komma vierzehn" and "3 Komma eins vier" as 3,14."""
    joined: list[Number] = []
    for number in numbers:
        before = joined[-1] if joined else None
        if before is not None and _are_decimals(before, number, sentence):
            joined[-1] = _join(before, [number], sentence.exceptions.decimal_mark)
        elif before is not None and _goes_on(before, number, sentence):
            joined[-1] = _join(before, [number], "")
        else:
            joined.append(number)
    return joined


def join_times(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Write "three thirty pm" and "six oh five pm" with a colon."""
    joined: list[Number] = []
    for run in sentence.runs(numbers):
        last = run[-1].end - 1
        after = sentence.following(last)
        two_after = f"{after} {sentence.following(last + 1)}"
        is_told = not sentence.exceptions.after_times.isdisjoint((after, two_after))
        joined += [_join(run[0], run[1:], ":")] if is_told and _is_time(run) else run
    return joined


def _are_decimals(whole: Number, part: Number, sentence: Sentence) -> bool:
    is_point = sentence.link(whole, part) in sentence.exceptions.point
    return is_point and whole.text.isdecimal() and part.text.isdecimal()


def _goes_on(decimal: Number, digit: Number, sentence: Sentence) -> bool:
    """Whether one more digit follows decimals that were said digit by digit."""
    if not sentence.touch(decimal, digit) or len(digit.text) > 1:
        return False
    words = [sentence.core(at) for at in range(decimal.first, decimal.end)]
    points = [at for at, word in enumerate(words) if word in sentence.exceptions.point]
    _, _, decimals = decimal.text.partition(sentence.exceptions.decimal_mark)
    return bool(points) and len(decimals) == len(words) - points[-1] - 1


def _is_time(run: list[Number]) -> bool:
    hour, minutes = run[0].text, "".join(number.text for number in run[1:])
    if not (hour + minutes).isdecimal() or len(minutes) != len("00"):
        return False
    return int(hour) in _HOURS and int(minutes) in _MINUTES


def _join(one: Number, others: Sequence[Number], mark: str) -> Number:
    digits = "".join(number.text for number in others)
    return Number(one.first, others[-1].end, f"{one.text}{mark}{digits}")
