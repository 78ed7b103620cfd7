from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.errors import ClientFault
from scribewire.grants import NO_LIMITS, Grant, spell_host
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


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("[2001:DB8::1]", "2001:db8::1"),
        ("[2001:db8:0:0:0:0:0:1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("Radio.Example.", "radio.example"),
        ("*.Radio.example.", "a.radio.example"),
    ],
)
def test_a_host_that_is_allowed_may_be_spelled_in_every_way(allowed: str, host: str) -> None:
    grant = Grant(source_hosts=frozenset({allowed}))

    assert refusal(grant, Wishes(language="en"), host) is None
    assert refusal(grant, Wishes(language="en"), "2001:db8::2") is not None
    both = grant.narrowed_to(Grant(source_hosts=frozenset({host})))
    assert both.source_hosts == frozenset({spell_host(host)})


@pytest.mark.parametrize("host", ["[::1", "[:]", "[1.2.3.4]", "::1%eth0", ""])
def test_what_is_no_host_is_spelled_all_the_same(host: str) -> None:
    assert spell_host(host).strip("[]") == host.strip("[]")


def test_who_pushes_audio_needs_no_host() -> None:
    assert refusal(Grant(source_hosts=frozenset()), Wishes(language="en")) is None


EVERYTHING = Grant(
    key_id="1",
    name="a",
    is_admin=True,
    max_sessions=3,
    max_audio_s_per_day=9.0,
    origins=frozenset({"https://a.example", "https://b.example"}),
)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Grant(), Grant(), Grant()),
        (EVERYTHING, Grant(), EVERYTHING),
        (
            Grant(modes=frozenset({"fast"})),
            Grant(modes=frozenset({"fast", "quality"}), languages=frozenset({"nl"})),
            Grant(modes=frozenset({"fast"}), languages=frozenset({"nl"})),
        ),
        (
            Grant(languages=frozenset({"en"})),
            Grant(languages=frozenset({"nl"})),
            Grant(languages=frozenset()),
        ),
        (
            Grant(max_audio_s=60.0, expires_at=5.0),
            Grant(max_audio_s=90.0, expires_at=3.0),
            Grant(max_audio_s=60.0, expires_at=3.0),
        ),
        (
            Grant(source_hosts=frozenset({"*.tv.example", "radio.example"})),
            Grant(source_hosts=frozenset({"one.tv.example", "*.two.tv.example", "x.example"})),
            Grant(source_hosts=frozenset({"one.tv.example", "*.two.tv.example"})),
        ),
        (
            Grant(source_hosts=frozenset({"one.tv.example"})),
            Grant(source_hosts=frozenset({"*.tv.example"})),
            Grant(source_hosts=frozenset({"one.tv.example"})),
        ),
        (Grant(max_audio_s=1.0), Grant(max_sessions=1, is_admin=True), Grant(max_audio_s=1.0)),
    ],
)
def test_a_narrowed_grant_allows_what_both_do(one: Grant, other: Grant, both: Grant) -> None:
    assert one.narrowed_to(other) == both


@pytest.mark.parametrize(
    ("grant", "origin", "is_allowed"),
    [
        (Grant(), "https://c.example", True),
        (EVERYTHING, "https://a.example", True),
        (EVERYTHING, "https://c.example", False),
        (EVERYTHING, "null", False),
        (EVERYTHING, None, True),
        (replace(EVERYTHING, token_id="t"), "https://b.example", True),
        (replace(EVERYTHING, token_id="t"), "https://c.example", False),
        (replace(EVERYTHING, token_id="t"), None, False),
        (Grant(token_id="t"), None, True),
    ],
)
def test_a_key_is_used_from_its_pages_or_from_none_and_a_token_from_its_pages(
    grant: Grant, origin: str | None, *, is_allowed: bool
) -> None:
    try:
        grant.check_origin(origin)
    except ClientFault:
        assert not is_allowed
    else:
        assert is_allowed
