from __future__ import annotations

from datetime import date

from scribewire.cli.key_reports import explain, table, usage_table
from scribewire.grants import Grant
from scribewire.keys.records import KeyRecord
from scribewire.keys.usage import KeyUsage

PLAIN = KeyRecord(grant=Grant(key_id="sw_k3v9q2m7tx", name="lobby"), created_at=0)
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


def test_a_person_is_told_what_is_limited() -> None:
    assert explain(PLAIN, 0) == [
        "id               sw_k3v9q2m7tx",
        "name             lobby",
        "state            active",
        "created          1970-01-01T00:00:00Z",
        "last used        never",
    ]
    assert explain(LIMITED, 90_000) == [
        "id               sw_0000000000",
        "name             hall",
        "state            expired",
        "may manage keys  yes",
        "types            fast, quality",
        "source hosts     none",
        "sessions         at most 2 at once",
        "audio            at most 1.5 minutes a day",
        "created          1970-01-01T00:00:00Z",
        "expires          1970-01-02T00:00:00Z",
        "last used        1970-01-01T00:01:00Z",
    ]


def test_a_list_has_a_line_for_each_key() -> None:
    assert table([PLAIN, LIMITED], 0) == [
        "ID             STATE   LAST USED             NAME",
        "sw_k3v9q2m7tx  active  never                 lobby",
        "sw_0000000000  active  1970-01-01T00:01:00Z  hall",
    ]


def test_use_is_told_by_day_and_in_all() -> None:
    usages = [
        KeyUsage(key_id="sw_k3v9q2m7tx", day=date(2030, 1, 31), audio_ms=90_000, sessions=2),
        KeyUsage(key_id="1f3870be", day=date(2030, 2, 1), audio_ms=1_500, sessions=1),
    ]

    assert usage_table(usages) == [
        "DAY         KEY            MINUTES  SESSIONS",
        "2030-01-31  sw_k3v9q2m7tx  1.5      2",
        "2030-02-01  1f3870be       0.0      1",
        "all                        1.5      3",
    ]
