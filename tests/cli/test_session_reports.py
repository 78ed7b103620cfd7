from __future__ import annotations

from dataclasses import replace

from scribewire.cli.session_reports import (
    describe,
    describe_all,
    language_of,
    length_ms_of,
    problems_of,
    table,
)
from scribewire.journal.entries import JournaledFinal
from scribewire.journal.reader import JournaledSession
from scribewire.wishes import Wishes
from tests.parts.journaled import BEGAN_MS, final, head, position

SESSION = JournaledSession(
    session_id="5e55",
    head=head(key_id="sw_k3v9q2m7tx", source_host="radio.example"),
    began_at_ms=BEGAN_MS,
    finals=(final(1), final(2)),
    position=position(2),
    state="open",
    written_at_ms=BEGAN_MS,
)
DAMAGED = replace(SESSION, head=None, began_at_ms=None, finals=(), position=None)


def heard(number: int, language: str | None) -> JournaledFinal:
    return JournaledFinal(number=number, final=replace(final(number).final, language=language))


def test_what_is_not_known_of_a_session_is_left_open() -> None:
    assert table([DAMAGED])[1].split() == ["5e55", "?", "?", "0:00", "0", "open"]
    assert describe(DAMAGED)["began_at"] is None
    assert describe_all(DAMAGED)["finals"] == []


def test_whose_it_is_and_where_it_comes_from_is_told() -> None:
    told = describe(SESSION)

    assert (told["key"], told["source_host"]) == ("sw_k3v9q2m7tx", "radio.example")
    assert length_ms_of(SESSION) == 8000


def test_the_language_is_what_was_asked_for_or_else_heard() -> None:
    asked, silent = head(), head(wishes=Wishes())
    nl, en = heard(1, "nl"), heard(2, "en")

    assert language_of(replace(SESSION, head=asked, finals=(nl,))) == "en"
    assert language_of(replace(SESSION, head=silent, finals=(nl,))) == "nl"
    assert language_of(replace(SESSION, head=silent, finals=(nl, en))) is None
    assert language_of(DAMAGED) is None


def test_finals_that_are_missing_are_told() -> None:
    assert problems_of(SESSION) == []
    assert problems_of(replace(SESSION, position=position(3), problems=("a fault",))) == [
        "a fault",
        "1 finals of session 5e55 are not there",
    ]
