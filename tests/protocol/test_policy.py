from __future__ import annotations

import json

import pytest

from scribewire.errors import ClientFault, ServerFault
from scribewire.grants import NO_LIMITS, Grant
from scribewire.protocol.policy import ServerPolicy, choose_subprotocol, refuse_keys
from scribewire.wishes import Wishes

POLICY = ServerPolicy(
    languages=frozenset({"en", "de"}),
    default_language="en",
    grant_of=lambda key: NO_LIMITS if key in ("good", "also-good") else None,
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
        ServerPolicy(languages=frozenset(), default_language="nl", grant_of=lambda _: NO_LIMITS)


def test_streams_are_fetched_only_where_it_was_chosen() -> None:
    policy = ServerPolicy(
        languages=frozenset({"en"}), default_language="en", grant_of=lambda _: NO_LIMITS
    )

    assert policy.serves_streams is False


def test_what_the_key_does_not_allow_is_refused_and_the_host_is_read_as_the_fetcher_reads_it() -> (
    None
):
    grant = Grant(modes=frozenset({"fast"}), source_hosts=frozenset({"radio.example"}))
    policy = ServerPolicy(
        languages=frozenset({"en"}),
        default_language="en",
        grant_of={"good": grant}.get,
        host_of=lambda url: url.removeprefix("http://"),
    )
    wishes = Wishes(language="en", url="http://radio.example")

    assert policy.grant(wishes, "good", "in `start`") == (wishes, grant)
    with pytest.raises(ClientFault, match="type quality"):
        policy.grant(Wishes(mode="quality"), "good", "in `start`")
    with pytest.raises(ClientFault, match="url: this key"):
        policy.grant(Wishes(url="http://a.example"), "good", "in `start`")
    with pytest.raises(ClientFault, match="the key in `start` is unknown"):
        policy.grant(wishes, "bad", "in `start`")
