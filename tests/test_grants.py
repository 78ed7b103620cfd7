from __future__ import annotations

import pytest

from scribewire.errors import ClientFault
from scribewire.grants import NO_LIMITS, Grant
from scribewire.wishes import AUTO, Wishes


def refusal(grant: Grant, wishes: Wishes, host: str | None = None) -> str | None:
    """Return why the wishes are not granted; None where they are."""
    try:
        grant.check(wishes, host=host)
    except ClientFault as fault:
        return fault.message
    return None


def test_without_limits_everything_may_be_asked_for() -> None:
    assert refusal(NO_LIMITS, Wishes(mode="quality", language="nl"), "a.example") is None


def test_types_that_are_allowed_are_listed_where_another_is_asked_for() -> None:
    grant = Grant(modes=frozenset({"fast"}))

    assert refusal(grant, Wishes(mode="fast", language="nl")) is None
    assert refusal(grant, Wishes(mode="quality", language="nl")) == (
        "type quality: this key may not ask for it; it may for fast"
    )


def test_each_language_that_may_be_spoken_must_be_allowed() -> None:
    grant = Grant(languages=frozenset({"nl", "en"}))

    assert refusal(grant, Wishes(language="nl")) is None
    assert refusal(grant, Wishes(language=AUTO, languages=("en", "nl"))) is None
    assert refusal(grant, Wishes(language=AUTO, languages=("de", "nl"))) == (
        "language de: this key may not ask for it; it may for en, nl"
    )


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("radio.example", True),
        ("Radio.Example.", True),
        ("a.radio.example", False),
        ("one.tv.example", True),
        ("a.one.tv.example", True),
        ("tv.example", False),
        ("eviltv.example", False),
        ("radio.example.evil.example", False),
        ("unreadable", False),
    ],
)
def test_streams_come_from_the_hosts_that_are_allowed(host: str, is_allowed: bool) -> None:
    grant = Grant(source_hosts=frozenset({"radio.example", "*.tv.example"}))

    assert (refusal(grant, Wishes(language="en"), host) is None) == is_allowed


def test_who_pushes_audio_needs_no_host() -> None:
    assert refusal(Grant(source_hosts=frozenset()), Wishes(language="en")) is None
