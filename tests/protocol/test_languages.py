from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.errors import ClientFault
from scribewire.protocol.languages import LanguageOffer
from scribewire.wishes import AUTO, Wishes

OFFER = LanguageOffer(
    languages=frozenset({"de", "en", "fr", "nl", "sv"}),
    default="en",
    auto=frozenset({"nl", "en", "de"}),
    place="on this server",
)
DEAF = replace(OFFER, languages=frozenset({"en", "de"}), auto=frozenset())

AVAILABLE = "available: de, en, fr, nl, sv"
ALIKE = "no model on this server tells them from others"
NOT_FOUND_OUT = "no model on this server finds out which one is spoken; name one in `language`"
EITHER = "expected one or the other; say `language=auto` to have one of several found out"


def wish(language: str | None = None, *languages: str) -> Wishes:
    return Wishes(mode="quality", language=language, languages=languages)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (wish(), wish("en")),
        (wish("nl"), wish("nl")),
        (wish(AUTO), wish(AUTO, "de", "en", "nl")),
        (wish(AUTO, "nl", "en"), wish(AUTO, "en", "nl")),
        (wish(None, "en", "nl"), wish(AUTO, "en", "nl")),
        # Among one there is nothing to find out.
        (wish(AUTO, "nl"), wish("nl")),
        (wish(None, "fr"), wish("fr")),
    ],
)
def test_a_language_is_locked_or_all_are_named_of_which_one_is_found_out(
    asked: Wishes, granted: Wishes
) -> None:
    assert OFFER.settle(asked) == granted
    assert OFFER.settle(granted) == granted


@pytest.mark.parametrize("asked", [wish(AUTO, "de"), wish(None, "de"), wish("de")])
def test_one_language_needs_no_model_that_finds_out(asked: Wishes) -> None:
    assert DEAF.settle(asked) == wish("de")


@pytest.mark.parametrize(
    ("offer", "asked", "message"),
    [
        (OFFER, wish("pl"), f"language pl: no model on this server; {AVAILABLE}"),
        (OFFER, wish(AUTO, "pl"), f"language pl: no model on this server; {AVAILABLE}"),
        (
            OFFER,
            wish(AUTO, "nl", "pl", "xx"),
            f"languages pl, xx: no model on this server; {AVAILABLE}",
        ),
        (OFFER, wish(None, "pl", "en"), f"languages pl: no model on this server; {AVAILABLE}"),
        (
            OFFER,
            wish(AUTO, "nl", "fr", "sv"),
            f"languages fr, sv: {ALIKE}; expected some of: de, en, nl",
        ),
        (OFFER, wish("nl", "nl", "en"), f"language nl with languages nl, en: {EITHER}"),
        (OFFER, wish("fr", "nl"), f"language fr with languages nl: {EITHER}"),
        (
            DEAF,
            wish(AUTO),
            f"language auto: {NOT_FOUND_OUT}; available: de, en",
        ),
        (
            DEAF,
            wish(None, "de", "en"),
            f"languages de, en: {NOT_FOUND_OUT}; available: de, en",
        ),
        (
            DEAF,
            wish(AUTO, "de", "nl"),
            "languages nl: no model on this server; available: de, en",
        ),
    ],
)
def test_what_cannot_be_had_is_named_with_what_can(
    offer: LanguageOffer, asked: Wishes, message: str
) -> None:
    with pytest.raises(ClientFault) as raised:
        offer.settle(asked)

    assert raised.value.message == message


def test_a_long_list_of_strange_languages_is_not_repeated_whole() -> None:
    strange = [f"{first}{second}" for first in "qxz" for second in "abcdefghijklmnopqrstuvwxyz"]

    with pytest.raises(ClientFault) as raised:
        OFFER.settle(wish(AUTO, *strange))

    assert len(raised.value.message) < 120
