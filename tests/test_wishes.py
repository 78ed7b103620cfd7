from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

import pytest

from scribewire.wishes import AUTO, Wishes, WishFields


def test_every_wish_can_be_given_by_name_and_by_nothing_else() -> None:
    by_name = get_type_hints(WishFields)

    assert by_name == get_type_hints(Wishes)
    assert list(by_name) == [field.name for field in fields(Wishes)]


def test_the_address_of_a_stream_is_not_shown() -> None:
    assert "secret" not in repr(Wishes(url="https://user:secret@radio.example/"))


@pytest.mark.parametrize(("language", "locked"), [("nl", "nl"), (None, None), (AUTO, None)])
def test_a_language_to_be_found_out_is_none_yet(language: str | None, locked: str | None) -> None:
    assert Wishes(language=language).locked_language == locked


@pytest.mark.parametrize(
    ("wishes", "possible"),
    [
        (Wishes(language="nl"), ("nl",)),
        (Wishes(language=AUTO, languages=("en", "nl")), ("en", "nl")),
        (Wishes(languages=("en", "nl")), ("en", "nl")),
        (Wishes(), ()),
    ],
)
def test_one_language_or_several_may_be_spoken(wishes: Wishes, possible: tuple[str, ...]) -> None:
    assert wishes.possible_languages == possible


def test_what_is_none_is_as_if_it_had_not_been_named() -> None:
    named: WishFields = {"language": None, "endpointing_ms": None, "digits": True}

    assert Wishes.named(named) == Wishes(digits=True)
