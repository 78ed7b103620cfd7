"""Keys and their use as programs read them, whatever tells them: the command line, the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.keys.records import KeyRecord
    from scribewire.keys.usage import KeyUsage


def describe(record: KeyRecord, now: float) -> dict[str, object]:
    """Return a key for a program; null: no limit, or never. Times are Unix seconds."""
    grant = record.grant
    return {
        "id": grant.key_id,
        "name": grant.name,
        "state": record.state(now),
        "is_admin": grant.is_admin,
        "types": _sorted(grant.modes),
        "languages": _sorted(grant.languages),
        "origins": _sorted(grant.origins),
        "source_hosts": _sorted(grant.source_hosts),
        "max_sessions": grant.max_sessions,
        "minutes_per_day": minutes_of(grant.max_audio_s_per_day),
        "minutes_per_month": minutes_of(grant.max_audio_s_per_month),
        "created_at": record.created_at,
        "expires_at": grant.expires_at,
        "rotated_at": record.rotated_at,
        "revoked_at": record.revoked_at,
        "last_used_at": record.last_used_at,
    }


def describe_usage(usage: KeyUsage) -> dict[str, object]:
    """Return what a key was used for on a day, for a program."""
    return {
        "key_id": usage.key_id,
        "day": usage.day.isoformat(),
        "audio_s": usage.audio_ms / 1000,
        "sessions": usage.sessions,
    }


def minutes_of(seconds: float | None) -> float | None:
    """Return seconds in minutes, of which limits are told."""
    return None if seconds is None else seconds / 60


def _sorted(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
