from __future__ import annotations

import pytest

from scribewire.grants import Grant
from scribewire.keys.configured import ConfiguredKeys, fingerprint
from scribewire.keys.key_text import digest_of, make_key_text
from scribewire.keys.records import KnownKey
from scribewire.keys.ring import KeyRing
from scribewire.keys.tokens import Tokens, make_secret

OLD, NEW = make_key_text("sw_k3v9q2m7tx"), make_key_text("sw_k3v9q2m7tx")
GRANT = Grant(key_id="sw_k3v9q2m7tx", name="lobby", expires_at=1000)
OTHER = make_key_text("sw_0000000000")


class Clock:
    """A time that stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(clock: Clock) -> KeyRing:
    ring = KeyRing(ConfiguredKeys(["configured"]), now=clock)
    rotated = KnownKey(
        grant=GRANT, digest=NEW.digest, previous_digest=OLD.digest, previous_until=100
    )
    ring.replace([rotated])
    return ring


def test_a_key_brings_its_grant(ring: KeyRing) -> None:
    assert ring.grant_of(NEW.whole) == GRANT
    assert ring.grant_of_id("sw_k3v9q2m7tx") == GRANT


def test_configured_keys_are_known_beside_those_of_a_database(ring: KeyRing) -> None:
    key_id = fingerprint("configured")

    assert ring.grant_of("configured") == Grant(key_id=key_id)
    assert ring.grant_of_id(key_id) == Grant(key_id=key_id)


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "sw_k3v9q2m7tx",
        "sw_k3v9q2m7tx_",
        NEW.whole[:-1],
        NEW.whole + "a",
        OTHER.whole,
        OTHER.key_id + "_" + NEW.secret,
        digest_of(NEW.whole).hex(),
        "\udcff",
    ],
    ids=[  # the secrets are drawn
        "nothing",
        "prefix",
        "no secret",
        "cut",
        "more",
        "another",
        "another's secret",
        "digest",
        "surrogate",
    ],
)
def test_what_is_no_key_brings_nothing(ring: KeyRing, shown: str) -> None:
    assert ring.grant_of(shown) is None


def test_a_ring_is_empty_where_nobody_could_connect(ring: KeyRing) -> None:
    assert not ring.is_empty
    assert not KeyRing(ConfiguredKeys(["one"])).is_empty
    assert KeyRing(ConfiguredKeys([])).is_empty


def test_the_secret_before_is_taken_for_its_grace(ring: KeyRing, clock: Clock) -> None:
    clock.now = 99
    assert ring.grant_of(OLD.whole) == GRANT
    clock.now = 100
    assert ring.grant_of(OLD.whole) is None
    assert ring.grant_of(NEW.whole) == GRANT


def test_a_token_ends_with_the_secret_that_it_was_made_with(ring: KeyRing, clock: Clock) -> None:
    tokens = Tokens(ring, make_secret(), now=clock)
    shown: dict[str, str] = {}
    for name, key in (("old", OLD.whole), ("new", NEW.whole), ("configured", "configured")):
        grant = tokens.grant_of(key)
        assert grant is not None
        shown[name] = tokens.issue(grant, Grant(), lifetime_s=3600).token

    def valid() -> set[str]:
        return {name for name, token in shown.items() if tokens.grant_of(token) is not None}

    clock.now = 99
    assert valid() == {"old", "new", "configured"}
    clock.now = 100  # the grace of the old secret is over
    assert valid() == {"new", "configured"}
    ring.replace([KnownKey(grant=GRANT, digest=make_key_text(GRANT.key_id).digest)])
    assert valid() == {"configured"}


def test_a_key_ends_when_it_expires(ring: KeyRing, clock: Clock) -> None:
    clock.now = 999.9
    assert ring.grant_of(NEW.whole) == GRANT
    clock.now = 1000
    assert ring.grant_of(NEW.whole) is None
    assert ring.grant_of_id("sw_k3v9q2m7tx") is None


def test_a_key_that_the_database_has_no_more_is_none(ring: KeyRing) -> None:
    ring.replace([KnownKey(grant=Grant(key_id=OTHER.key_id), digest=OTHER.digest)])

    assert ring.grant_of(NEW.whole) is None
    assert ring.grant_of_id("sw_k3v9q2m7tx") is None
    assert ring.grant_of(OTHER.whole) == Grant(key_id=OTHER.key_id)
