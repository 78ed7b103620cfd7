"""What `scribewire keys` tells of a key, to people and to programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from scribewire.cli.durations import format_time
from scribewire.keys.description import minutes_of

if TYPE_CHECKING:
    from scribewire.keys.records import KeyRecord
    from scribewire.keys.usage import KeyUsage


def explain(record: KeyRecord, now: float) -> list[str]:
    """Return a key as lines; what is not limited is left out."""
    grant = record.grant
    rows = [
        ("id", grant.key_id),
        ("name", grant.name),
        ("state", record.state(now)),
        ("may manage keys", "yes" if grant.is_admin else None),
        ("types", _joined(grant.modes)),
        ("languages", _joined(grant.languages)),
        ("origins", _joined(grant.origins)),
        ("source hosts", _joined(grant.source_hosts)),
        ("sessions", _most(grant.max_sessions, "at once")),
        ("audio", _most(minutes_of(grant.max_audio_s_per_day), "minutes a day")),
        ("audio", _most(minutes_of(grant.max_audio_s_per_month), "minutes a month")),
        ("created", format_time(record.created_at)),
        ("expires", format_time(grant.expires_at)),
        ("rotated", format_time(record.rotated_at)),
        ("revoked", format_time(record.revoked_at)),
        ("last used", format_time(record.last_used_at) or "never"),
    ]
    return [f"{name:<16} {words}" for name, words in rows if words is not None]


def table(records: Sequence[KeyRecord], now: float) -> list[str]:
    """Return a line for each key, with a head."""
    rows = [("ID", "STATE", "LAST USED", "NAME")]
    rows += [
        (
            record.grant.key_id,
            record.state(now),
            format_time(record.last_used_at) or "never",
            record.grant.name,
        )
        for record in records
    ]
    return aligned(rows)


def usage_table(usages: Sequence[KeyUsage]) -> list[str]:
    """Return a line for each key and day, with a head, and their sum below."""
    rows = [("DAY", "KEY", "MINUTES", "SESSIONS")]
    rows += [
        (one.day.isoformat(), one.key_id, f"{one.audio_ms / 60_000:.1f}", str(one.sessions))
        for one in usages
    ]
    minutes = sum(one.audio_ms for one in usages) / 60_000
    rows.append(("all", "", f"{minutes:.1f}", str(sum(one.sessions for one in usages))))
    return aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, in columns as wide as their widest."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _joined(names: Iterable[str] | None) -> str | None:
    return None if names is None else ", ".join(sorted(names)) or "none"


def _most(number: float | None, what: str) -> str | None:
    return None if number is None else f"at most {number:g} {what}"
