from __future__ import annotations

from typing import Any

import pytest

from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.keys.rights import WantedRights


def test_what_is_not_limited_is_not_limited() -> None:
    assert WantedRights(name="lobby").as_grant(now=0) == Grant(name="lobby")


def test_rights_are_read_as_servers_compare_them() -> None:
    wanted = WantedRights(
        name="lobby",
        types=["fast"],
        languages=["nl"],
        origins=["https://Captions.example:443"],
        source_hosts=["*.Radio.example", "[::1]"],
        minutes_per_day=1.5,
        expires_at=10,
        is_admin=True,
    )

    assert wanted.as_grant(now=0) == Grant(
        name="lobby",
        modes=frozenset({"fast"}),
        languages=frozenset({"nl"}),
        origins=frozenset({"https://captions.example"}),
        source_hosts=frozenset({"*.radio.example", "[::1]"}),
        max_audio_s_per_day=90.0,
        expires_at=10,
        is_admin=True,
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"name": " "}, "name: expected 1 to 200 characters"),
        ({"name": "a" * 201}, "name: expected 1 to 200 characters"),
        ({"name": "one\ntwo"}, "name: expected 1 to 200 characters that can be seen, on one line"),
        ({"name": "\udcff"}, "name: expected 1 to 200 characters"),
        ({"types": ["slow"]}, "type 'slow': expected one of fast, quality"),
        ({"languages": ["Dutch"]}, "language 'dutch': expected a code"),
        ({"origins": ["captions.example"]}, "origin 'captions.example': expected a page's"),
        ({"origins": ["*"]}, "origin '\\*': expected a page's"),
        ({"source_hosts": ["http://a.example"]}, "source host 'http://a.example': expected"),
        ({"max_sessions": 0}, "max_sessions: expected more than 0"),
        ({"minutes_per_day": -1}, "minutes_per_day: expected more than 0"),
        ({"max_sessions": 10**30}, "max_sessions: expected more than 0, at most 1000000"),
        ({"minutes_per_day": float("inf")}, "minutes_per_day: expected more than 0"),
        ({"expires_at": 10**30}, "expiry: expected a time to come, before"),
        ({"minutes_per_month": float("nan")}, "minutes_per_month: expected more than 0"),
        ({"expires_at": 5}, "expiry: expected a time to come"),
    ],
)
def test_rights_that_cannot_be_are_refused_with_words(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientFault, match=words):
        WantedRights(**{"name": "lobby", **wanted}).as_grant(now=5)


def test_a_change_is_what_is_said_and_what_is_lifted() -> None:
    change = WantedRights(minutes_per_day=2, types=["fast"]).as_change(
        lifted=["max_sessions", "minutes_per_month"], now=0
    )

    assert change.fields == {
        "modes",
        "max_audio_s_per_day",
        "max_sessions",
        "max_audio_s_per_month",
    }
    rights = Grant(name="as it is", modes=frozenset({"fast"}), max_audio_s_per_day=120)
    assert change.rights == rights
    assert WantedRights(name="hall").as_change(lifted=(), now=0).fields == {"name"}
    assert WantedRights().as_change(lifted=(), now=0).fields == frozenset()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (WantedRights(max_sessions=0), "max_sessions: expected more than 0"),
        (WantedRights(minutes_per_day=2), "minutes_per_day: there is a limit, and it is lifted"),
        (WantedRights(name=" "), "name: expected"),
        (WantedRights(expires_at=5), "expiry: expected a time to come"),
    ],
)
def test_a_change_that_cannot_be_is_refused(wanted: WantedRights, words: str) -> None:
    with pytest.raises(ClientFault, match=words):
        wanted.as_change(lifted=["minutes_per_day"], now=10)
