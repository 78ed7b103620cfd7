"""The keys that the operator named when the server was started."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from scribewire.grants import Grant

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY_BYTES = 24  # 192 bits: beyond guessing, and 32 characters to copy


def make_key() -> str:
    """Return a fresh random key, safe in a URL."""
    return secrets.token_urlsafe(_KEY_BYTES)


FIT = (
    "a key is made of visible ASCII characters (letters, digits, punctuation) without spaces, and "
    "is not `-`, `.` or `..`"
)
"""What `is_fit` asks of a key, for people."""

_PATHS_OWN = ("-", ".", "..")  # in a path these mean something else


def is_fit(key: str) -> bool:
    """Tell whether clients can send this key in every place where one may stand."""
    has_only_visible = bool(key) and key.isascii() and key.isprintable() and " " not in key
    return has_only_visible and key not in _PATHS_OWN


def fingerprint(key: str) -> str:
    """Return what a log may say of a key: who knows the key can tell, who does not learns nothing.

    The first 8 hexadecimal digits of its SHA-256. Of a key that could be guessed it would confirm
    a guess; those that `make_key` makes are beyond that.
    """
    return _name(_digest(key))


class ConfiguredKeys:
    """Knows the configured keys by their SHA-256 only."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = tuple(_digest(key) for key in keys)
        self._ids = frozenset(_name(digest) for digest in self._digests)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._ids)

    def grant_of(self, key: str) -> Grant | None:
        """Return what the key may do, which is everything, or None if it is none of ours.

        It takes a time that does not depend on which of them it is.
        """
        given = _digest(key)
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        return Grant(key_id=_name(given)) if any(matches) else None

    def grant_of_id(self, key_id: str, *, secret_id: str | None = None) -> Grant | None:
        """Return what the key of that name may do, or None if it is none of ours.

        Each has one secret, so `secret_id` says nothing.
        """
        return Grant(key_id=key_id) if key_id in self._ids else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _name(digest: bytes) -> str:
    return digest.hex()[:8]
