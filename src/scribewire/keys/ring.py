"""The keys that are valid now, in memory: those of the command line, and those of a database.

Theory of operation. Whether a key is valid is asked in the middle of a handshake, so no database is
asked there: the ring holds what a database said last, and whoever keeps it (`server/key_keeper.py`)
replaces that every second. When the database is down, what it said last stays in force. What
ends by time ends by the clock here.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.keys.key_text import digest_of, id_of, secret_id_of

if TYPE_CHECKING:
    from scribewire.grants import Grant
    from scribewire.keys.configured import ConfiguredKeys
    from scribewire.keys.records import KnownKey


class KeyRing:
    """Tells what comes with a key. It belongs to one thread."""

    def __init__(self, configured: ConfiguredKeys, *, now: Callable[[], float] = time.time) -> None:
        self._configured = configured
        self._known: dict[str, KnownKey] = {}
        self._now = now
        self._nobodys = secrets.token_bytes(32)  # compared with where there is nothing to compare

    @property
    def is_empty(self) -> bool:
        """Whether nobody could connect."""
        return not self._known and not self._configured.count

    def replace(self, known: Iterable[KnownKey]) -> None:
        """Know these keys of a database from now on, and no others of it."""
        self._known = {one.grant.key_id: one for one in known}

    def grant_of(self, key: str) -> Grant | None:
        """Return what may be done with a key; None: nothing.

        It compares as much, and takes as long, for a name that is none as for a secret that is
        wrong.
        """
        known = self._known.get(id_of(key) or "")
        digest = known.digest if known else self._nobodys
        previous = (known.previous_digest if known else None) or self._nobodys
        given = digest_of(key)
        is_present = hmac.compare_digest(given, digest)
        is_previous = hmac.compare_digest(given, previous)
        configured = self._configured.grant_of(key)
        if known is None or not (is_present or is_previous):
            return configured
        secret_id = secret_id_of(given)
        if secret_id not in self._secret_ids(known):
            return None
        return self._in_time(replace(known.grant, secret_id=secret_id))

    def grant_of_id(self, key_id: str, *, secret_id: str | None = None) -> Grant | None:
        """Return what may be done with the key of this name; None: nothing, or nothing any more.

        With `secret_id` nothing too, once that secret of it is not taken any more.
        """
        known = self._known.get(key_id)
        if known is None:
            return self._configured.grant_of_id(key_id)
        if secret_id is not None and secret_id not in self._secret_ids(known):
            return None
        return self._in_time(known.grant)

    def _secret_ids(self, known: KnownKey) -> list[str]:
        """Return the secrets of a key that are taken now."""
        taken = [known.digest]
        if known.previous_digest is not None and self._now() < known.previous_until:
            taken.append(known.previous_digest)
        return list(map(secret_id_of, taken))

    def _in_time(self, grant: Grant) -> Grant | None:
        is_over = grant.expires_at is not None and self._now() >= grant.expires_at
        return None if is_over else grant
