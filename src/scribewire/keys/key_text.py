"""How a key of the database is written: a public name, and a secret that is kept as a digest.

`sw_k3v9q2m7tx_` and 32 more characters. What stands before the last part names the key, in lists
and logs; it finds the key in a table, and opens nothing. The rest are 192 random bits. A digest
that is slow on purpose defends secrets that people think of, which can be guessed from a list;
nobody can try 2^192, so one SHA-256 is enough, and a handshake costs microseconds.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

KEY_ID: Final = re.compile(r"sw_[0-9a-hjkmnp-tv-z]{10}")
"""What names a key: Crockford's letters, of which none is taken for another."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH = 10  # 50 bits: two of a billion keys may meet, and then the database says so
_SECRET_BYTES = 24  # 192 bits: beyond guessing
_ID_CHARACTERS = len("sw_") + _ID_LENGTH
_SECRET_ID_CHARACTERS = 16  # 64 bits: among the few secrets of one key


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key in its two parts."""

    key_id: str
    secret: str = field(repr=False)

    @property
    def whole(self) -> str:
        """What a client shows; never to be kept."""
        return f"{self.key_id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return digest_of(self.whole)


def make_key_id() -> str:
    """Return a fresh name for a key."""
    return "sw_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def make_key_text(key_id: str) -> KeyText:
    """Return a key of this name with a fresh secret."""
    return KeyText(key_id, secrets.token_urlsafe(_SECRET_BYTES))


def id_of(key: str) -> str | None:
    """Return the name in what was shown as a key; None if it is not written as one of ours."""
    key_id, separator = key[:_ID_CHARACTERS], key[_ID_CHARACTERS : _ID_CHARACTERS + 1]
    return key_id if separator == "_" and KEY_ID.fullmatch(key_id) else None


def secret_id_of(digest: bytes) -> str:
    """Return what names a key's secret in a token, whose holder can read it: it opens nothing."""
    return hashlib.sha256(digest).hexdigest()[:_SECRET_ID_CHARACTERS]


def digest_of(key: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
