"""What servers are told by a key database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.grants import Grant
    from scribewire.keys.usage import UsedAudio


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
