from __future__ import annotations

import json

import pytest

from scribewire.errors import ServerFault
from scribewire.protocol.policy import ServerPolicy, choose_subprotocol, refuse_keys
from scribewire.wishes import Wishes

POLICY = ServerPolicy(
    languages=frozenset({"en", "de"}),
    default_language="en",
    is_valid_key=lambda key: key in ("good", "also-good"),
)


@pytest.mark.parametrize("keys", [(), ("good",), ("good", "also-good")])
def test_good_keys_or_none_are_accepted(keys: tuple[str, ...]) -> None:
    assert refuse_keys(keys, POLICY) is None


@pytest.mark.parametrize("keys", [("bad",), ("good", "bad"), ("bad", "good")])
def test_one_bad_key_is_refused_without_showing_it(keys: tuple[str, ...]) -> None:
    refusal = refuse_keys(keys, POLICY)

    assert refusal is not None
    assert refusal.status == 401
    assert json.loads(refusal.body) == {
        "error": "unknown token",
        "message": "unknown token: a key given with the request is unknown, expired or revoked",
    }


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((), None),
        (("captions", "token"), "captions"),
        (("good", "token"), "token"),
        (("good",), None),
    ],
)
def test_the_first_subprotocol_that_is_no_key_is_answered(
    offered: tuple[str, ...], chosen: str | None
) -> None:
    assert choose_subprotocol(offered, POLICY) == chosen


def test_languages_are_settled_by_what_the_server_has() -> None:
    assert POLICY.settle_languages(Wishes()) == Wishes(language="en")


def test_a_default_without_a_model_is_our_fault() -> None:
    with pytest.raises(ServerFault, match="default language nl: no model; available: none"):
        ServerPolicy(languages=frozenset(), default_language="nl", is_valid_key=bool)


def test_streams_are_fetched_only_where_it_was_chosen() -> None:
    policy = ServerPolicy(
        languages=frozenset({"en"}), default_language="en", is_valid_key=lambda _: True
    )

    assert policy.serves_streams is False
