from __future__ import annotations

from datetime import date

from scribewire.grants import Grant
from scribewire.keys.description import describe, describe_usage
from scribewire.keys.records import KeyRecord
from scribewire.keys.usage import KeyUsage

LIMITED = KeyRecord(
    grant=Grant(
        key_id="sw_0000000000",
        name="hall",
        is_admin=True,
        modes=frozenset({"quality", "fast"}),
        source_hosts=frozenset(),
        max_sessions=2,
        max_audio_s_per_day=90,
        expires_at=86_400,
    ),
    created_at=0,
    last_used_at=60,
)


def test_a_program_is_told_everything() -> None:
    assert describe(LIMITED, 0) == {
        "id": "sw_0000000000",
        "name": "hall",
        "state": "active",
        "is_admin": True,
        "types": ["fast", "quality"],
        "languages": None,
        "origins": None,
        "source_hosts": [],
        "max_sessions": 2,
        "minutes_per_day": 1.5,
        "minutes_per_month": None,
        "created_at": 0,
        "expires_at": 86_400,
        "rotated_at": None,
        "revoked_at": None,
        "last_used_at": 60,
    }


def test_use_is_told_in_seconds() -> None:
    usage = KeyUsage(key_id="1f3870be", day=date(2030, 2, 1), audio_ms=1_500, sessions=1)

    assert describe_usage(usage) == {
        "key_id": "1f3870be",
        "day": "2030-02-01",
        "audio_s": 1.5,
        "sessions": 1,
    }
