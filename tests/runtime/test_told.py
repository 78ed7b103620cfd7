"""What readers of one session are told, at whatever pace they read."""

from __future__ import annotations

import asyncio

import pytest

from scribewire.events import Final, Partial, SpeechStarted
from scribewire.runtime.told import (
    FinalsMissed,
    FinalTold,
    PartialTold,
    TellingEnded,
    TellingLeft,
    ToldEvent,
    ToldEvents,
    ToldReader,
)


def final(text: str) -> Final:
    return Final(utterance=0, text=text, start_sample=0, end_sample=1, decided_sample=1)


def partial(text: str) -> Partial:
    return Partial(utterance=0, text=text, start_sample=0, end_sample=1)


def read_all(reader: ToldReader) -> list[ToldEvent]:
    found = []
    while (event := reader.next_event()) is not None:
        found.append(event)
        if isinstance(event, TellingEnded | TellingLeft):
            break
    return found


@pytest.mark.parametrize(
    ("after", "numbers"), [(0, [1, 2, 3]), (1, [2, 3]), (3, []), (9, []), (-1, [1, 2, 3])]
)
def test_finals_are_told_in_order_behind_the_one_that_is_known(
    after: int, numbers: list[int]
) -> None:
    told = ToldEvents(8)
    for text in "abc":
        told.tell(final(text))
    with told.read(max(after, 0), with_partials=False) as reader:
        assert read_all(reader) == [FinalTold(one, final("abc"[one - 1])) for one in numbers]
        told.tell(final("d"))
        assert read_all(reader) == [FinalTold(4, final("d"))]


def test_of_partials_only_the_latest_is_told_to_who_wants_them() -> None:
    told = ToldEvents(8)
    with (
        told.read(0, with_partials=True) as wanting,
        told.read(0, with_partials=False) as other,
    ):
        told.tell(SpeechStarted(utterance=0, start_sample=0))
        told.tell(partial("a"))
        told.tell(partial("a b"))
        assert read_all(wanting) == [PartialTold(partial("a b"))]
        assert read_all(wanting) == read_all(other) == []
        told.tell(partial("a b c"))
        told.tell(final("a b c"))
        assert read_all(wanting) == read_all(other) == [FinalTold(1, final("a b c"))]


def test_who_is_too_far_behind_is_told_which_finals_are_missing() -> None:
    told = ToldEvents(2)
    with told.read(0, with_partials=False) as reader:
        for text in "abcde":
            told.tell(final(text))
        assert read_all(reader) == [
            FinalsMissed(1, 3),
            FinalTold(4, final("d")),
            FinalTold(5, final("e")),
        ]


def test_finals_of_before_keep_their_numbers() -> None:
    told = ToldEvents(8, [final("c"), final("d")], last=4)
    with told.read(0, with_partials=False) as reader:
        assert read_all(reader) == [
            FinalsMissed(1, 2),
            FinalTold(3, final("c")),
            FinalTold(4, final("d")),
        ]


def test_what_cannot_be_had_is_missed_and_numbers_go_on() -> None:
    told = ToldEvents(8)
    told.tell(final("a"))
    with told.read(1, with_partials=False) as reader:
        told.miss(1)
        told.miss(4)
        told.tell(final("e"))
        assert read_all(reader) == [FinalsMissed(2, 4), FinalTold(5, final("e"))]


def test_the_end_comes_behind_all_finals_and_once() -> None:
    told = ToldEvents(8)
    told.tell(final("a"))
    told.end("complete")
    told.end("failed")
    told.leave()
    with told.read(0, with_partials=True) as reader:
        assert read_all(reader) == [FinalTold(1, final("a")), TellingEnded("complete")]


async def test_whoever_waits_is_woken() -> None:
    told = ToldEvents(8)
    with told.read(0, with_partials=False) as reader:
        assert reader.next_event() is None
        waiting = asyncio.create_task(reader.has_news.wait())
        told.tell(final("a"))
        await waiting
        assert read_all(reader) == [FinalTold(1, final("a"))]
        told.leave()
        assert reader.has_news.is_set()
        assert read_all(reader) == [TellingLeft()]
