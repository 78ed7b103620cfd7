from __future__ import annotations

import hashlib

import pytest

from scribewire.keys.configured import is_fit
from scribewire.keys.key_text import KEY_ID, id_of, make_key_id, make_key_text


def test_a_key_is_its_name_and_192_random_bits() -> None:
    one, other = make_key_text("sw_k3v9q2m7tx"), make_key_text("sw_k3v9q2m7tx")

    assert one.whole.startswith("sw_k3v9q2m7tx_")
    assert len(one.secret) == 32
    assert one.secret != other.secret
    assert is_fit(one.whole)


def test_what_is_kept_is_no_key_and_a_key_is_not_told_by_mistake() -> None:
    text = make_key_text("sw_k3v9q2m7tx")

    assert text.digest == hashlib.sha256(text.whole.encode()).digest()
    assert text.secret not in repr(text)


def test_names_are_told_from_each_other() -> None:
    names = {make_key_id() for _ in range(1000)}

    assert len(names) == 1000
    assert all(KEY_ID.fullmatch(name) for name in names)


@pytest.mark.parametrize(
    ("shown", "key_id"),
    [
        ("sw_k3v9q2m7tx_secret", "sw_k3v9q2m7tx"),
        ("sw_k3v9q2m7tx_", "sw_k3v9q2m7tx"),
        ("sw_k3v9q2m7tx_a_b", "sw_k3v9q2m7tx"),
        ("sw_k3v9q2m7tx", None),
        ("sw_k3v9q2m7txx_secret", None),
        ("sw_K3V9Q2M7TX_secret", None),
        ("sw_k3v9q2m7ti_secret", None),
        ("key-1", None),
        ("", None),
        ("\udcff" * 20, None),
    ],
)
def test_the_name_is_found_in_what_is_shown(shown: str, key_id: str | None) -> None:
    assert id_of(shown) == key_id
