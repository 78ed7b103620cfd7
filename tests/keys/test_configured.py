from __future__ import annotations

import hashlib

import pytest

from scribewire.keys.configured import ConfiguredKeys, fingerprint, is_fit, make_key


def test_only_the_configured_keys_are_valid() -> None:
    keys = ConfiguredKeys(["first", "sécond"])

    assert [keys.grant_of(k) is not None for k in ("first", "sécond", "First", "", "first ")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_without_keys_none_is_valid() -> None:
    assert ConfiguredKeys([]).grant_of("") is None


def test_a_lone_surrogate_is_an_invalid_key_and_no_error() -> None:
    assert ConfiguredKeys(["first"]).grant_of("\ud800") is None


def test_keys_are_held_as_digests() -> None:
    held = vars(ConfiguredKeys(["planted-key"]))

    assert "planted-key" not in repr(held)


def test_made_keys_differ_and_need_no_escaping() -> None:
    made = {make_key() for _ in range(100)}

    assert len(made) == 100
    assert all(len(key) == 32 and key.replace("-", "").replace("_", "").isalnum() for key in made)


@pytest.mark.parametrize("key", ["one", "a/b?c=d&e#f%20", "--", "-a", "a.b", "~!\"',;"])
def test_a_key_of_visible_ascii_can_be_sent(key: str) -> None:
    assert is_fit(key)


@pytest.mark.parametrize(
    "key", ["", "a b", " a", "a\t", "a\n", "k\u00fc", "a\x00", "\x7f", "-", ".", ".."]
)
def test_another_key_can_not(key: str) -> None:
    assert not is_fit(key)


def test_a_fingerprint_tells_keys_apart_and_holds_nothing_of_them() -> None:
    assert fingerprint("key-1") == hashlib.sha256(b"key-1").hexdigest()[:8]
    assert fingerprint("key-1") != fingerprint("key-2")


def test_a_key_is_found_by_its_name_too() -> None:
    keys = ConfiguredKeys(["first"])

    assert keys.grant_of_id(fingerprint("first")) == keys.grant_of("first")
    assert keys.grant_of_id(fingerprint("second")) is None
