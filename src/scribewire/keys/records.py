"""What is told of keys by their database: to operators, and to servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from scribewire.errors import ClientFault, ServerFault

if TYPE_CHECKING:
    from scribewire.grants import Grant
    from scribewire.keys.usage import UsedAudio


KeyState = Literal["active", "expired", "revoked"]


class NoSuchKey(ClientFault):
    """No key of the database has that name."""


class KeyIsOver(ClientFault):
    """What was asked for needs a key that has not been revoked."""


class OutcomeUnknown(ServerFault):
    """The database has not answered what it was asked, and may have done it, or do it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is known of a key, without its secret. Times are Unix seconds."""

    grant: Grant
    """Its name and its rights."""
    created_at: int
    rotated_at: int | None = None
    """When it got the secret that it has; None: the first."""
    revoked_at: int | None = None
    last_used_at: int | None = None
    """When a session last began with it, a few seconds late."""

    def state(self, now: float) -> KeyState:
        """Return whether it can be used."""
        if self.revoked_at is not None:
            return "revoked"
        expires_at = self.grant.expires_at
        return "active" if expires_at is None or now < expires_at else "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A key that has just got a secret, which nobody can tell again."""

    record: KeyRecord
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """What a server needs to know of a key that has not been revoked."""

    grant: Grant
    digest: bytes = field(repr=False)
    previous_digest: bytes | None = field(default=None, repr=False)
    """Of the secret before, which is taken until then."""
    previous_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySnapshot:
    """What a database says at one moment."""

    revision: int
    """Another one follows when a key has changed."""
    known: tuple[KnownKey, ...] | None
    """Every key that was not revoked; None: no key has changed."""
    used: Mapping[str, UsedAudio]
    """What the keys with limits have used, all servers together."""
