from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from scribewire.grants import Grant
from scribewire.keys.database import Database
from scribewire.keys.schema import WriterRow
from scribewire.keys.store import KeyStore
from scribewire.keys.usage import KeyUsage, UsageBatch, UsedAudio
from scribewire.keys.usage_tables import UsageTables

TODAY = date(2030, 3, 31)


@pytest.fixture
def tables(database: Database) -> UsageTables:
    return UsageTables(database)


def usage(key_id: str, day: date, audio_ms: int, sessions: int = 0) -> KeyUsage:
    return KeyUsage(key_id=key_id, day=day, audio_ms=audio_ms, sessions=sessions)


def batch(sequence: int, *counts: KeyUsage, writer: str = "one", at: int = 1000) -> UsageBatch:
    return UsageBatch(writer_id=writer, sequence=sequence, at=at, counts=counts)


def test_a_batch_that_comes_again_is_not_counted_again(tables: UsageTables) -> None:
    first = batch(1, usage("a", TODAY, 1500, 1))
    for one in (first, first, batch(2, usage("a", TODAY, 500)), first):
        tables.write(one)

    assert tables.by_day(today=TODAY, days=1) == [usage("a", TODAY, 2000, 1)]


def test_servers_count_together(tables: UsageTables) -> None:
    tables.write(batch(1, usage("a", TODAY, 1500, 1), usage("b", TODAY, 10, 1)))
    tables.write(batch(1, usage("b", TODAY, 20), usage("a", TODAY, 500, 1), writer="two"))

    assert tables.by_day(today=TODAY, days=1) == [
        usage("a", TODAY, 2000, 2),
        usage("b", TODAY, 30, 1),
    ]


def test_a_key_says_when_it_was_used_last(tables: UsageTables, store: KeyStore) -> None:
    key_id = store.create(Grant(name="one"), now=0).record.grant.key_id
    tables.write(batch(1, usage(key_id, TODAY, 10, 1), at=77))
    tables.write(batch(2, usage(key_id, TODAY, 10), at=99))

    assert store.find(key_id).last_used_at == 77


def test_the_use_of_keys_with_limits_is_told_by_day_and_month(
    tables: UsageTables, store: KeyStore
) -> None:
    limited = store.create(Grant(name="a", max_audio_s_per_day=1), now=0).record.grant.key_id
    free = store.create(Grant(name="b"), now=0).record.grant.key_id
    days = [date(2030, 2, 28), date(2030, 3, 1), TODAY]
    counts = [usage(key, day, 100) for day in days for key in (limited, free)]
    tables.write(batch(1, *counts))

    assert tables.used_audio(TODAY) == {limited: UsedAudio(100, 200, TODAY)}


def test_use_is_told_for_so_many_days_and_one_key(tables: UsageTables) -> None:
    days = [date(2030, 3, 29), date(2030, 3, 30), TODAY]
    tables.write(batch(1, *(usage(key, day, 100) for day in days for key in "ab")))

    assert tables.by_day(key_id="b", today=TODAY, days=2) == [
        usage("b", date(2030, 3, 30), 100),
        usage("b", TODAY, 100),
    ]


def test_servers_of_long_ago_are_forgotten(tables: UsageTables, database: Database) -> None:
    tables.write(batch(1, usage("a", TODAY, 1), writer="old", at=0))
    tables.write(batch(1, usage("a", TODAY, 1), writer="new", at=31 * 86_400))

    with database.reading() as session:
        assert session.scalars(select(func.min(WriterRow.id))).one() == "new"
