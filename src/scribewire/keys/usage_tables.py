"""What keys were used for, in a database: written once each, and read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import case, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from scribewire.keys.pages import Page, cut_page, read_cursor_of_usage
from scribewire.keys.schema import KeyRow, UsageRow, WriterRow
from scribewire.keys.usage import KeyUsage, UsedAudio

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from scribewire.keys.database import Database
    from scribewire.keys.usage import UsageBatch

_FORGOTTEN_S: Final = 30 * 86_400  # no server tries one batch for so long


class UsageTables:
    """Every method is one transaction, and raises DatabaseFault where there is no database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, batch: UsageBatch) -> None:
        """Add a batch to what was written; one that was written before changes nothing."""
        with self._database.writing() as session:
            if _is_new(session, batch):
                _add(session, batch.counts)
                _note_last_use(session, batch)

    def used_audio(self, today: date) -> dict[str, UsedAudio]:
        """Return what each key that has a limit has used of it this month."""
        of_today = case((UsageRow.day == today, UsageRow.audio_ms), else_=0)
        asked = (
            select(UsageRow.key_id, func.sum(of_today), func.sum(UsageRow.audio_ms))
            .join(KeyRow, KeyRow.id == UsageRow.key_id)
            .where(
                UsageRow.day >= today.replace(day=1),
                KeyRow.revoked_at.is_(None),
                or_(
                    KeyRow.max_audio_s_per_day.is_not(None),
                    KeyRow.max_audio_s_per_month.is_not(None),
                ),
            )
            .group_by(UsageRow.key_id)
        )
        with self._database.reading() as session:
            return {
                key_id: UsedAudio(int(today_ms), int(month_ms), today)
                for key_id, today_ms, month_ms in session.execute(asked)
            }

    def by_day(self, *, key_id: str | None = None, today: date, days: int) -> list[KeyUsage]:
        """Return the use of one key, or of all, in the last days, today among them."""
        return self._read(_by_day(key_id, today, days))

    def page_by_day(
        self, *, key_id: str | None, today: date, days: int, cursor: str | None, limit: int
    ) -> Page[KeyUsage]:
        """Return a part of the same, from where the last page ended."""
        asked = _by_day(key_id, today, days).limit(limit + 1)
        if cursor is not None:
            last = read_cursor_of_usage(cursor)
            asked = asked.where(tuple_(UsageRow.day, UsageRow.key_id) > last)
        found = self._read(asked)
        return cut_page(found, limit, lambda one: f"{one.day.toordinal()}.{one.key_id}")

    def _read(self, asked: Select[UsageRow]) -> list[KeyUsage]:
        with self._database.reading() as session:
            return [
                KeyUsage(
                    key_id=row.key_id, day=row.day, audio_ms=row.audio_ms, sessions=row.sessions
                )
                for row in session.scalars(asked)
            ]


def _by_day(key_id: str | None, today: date, days: int) -> Select[UsageRow]:
    asked = (
        select(UsageRow)
        .where(UsageRow.day > today - timedelta(days=days))
        .order_by(UsageRow.day, UsageRow.key_id)
    )
    return asked if key_id is None else asked.where(UsageRow.key_id == key_id)


def _is_new(session: Session, batch: UsageBatch) -> bool:
    """Take the number of a batch for written; False if it was before."""
    insert = _insert(session)
    unseen = {"id": batch.writer_id, "sequence": 0, "seen_at": batch.at}
    session.execute(insert(WriterRow).values(unseen).on_conflict_do_nothing())
    taken = session.scalars(
        update(WriterRow)
        .where(WriterRow.id == batch.writer_id, WriterRow.sequence < batch.sequence)
        .values(sequence=batch.sequence, seen_at=batch.at)
        .returning(WriterRow.id)
    ).all()
    if batch.sequence == 1:
        session.execute(delete(WriterRow).where(WriterRow.seen_at < batch.at - _FORGOTTEN_S))
    return bool(taken)


def _add(session: Session, counts: Iterable[KeyUsage]) -> None:
    # In one order, or two servers could wait for each other.
    for one in sorted(counts, key=lambda count: (count.day, count.key_id)):
        added = _insert(session)(UsageRow).values(
            day=one.day, key_id=one.key_id, audio_ms=one.audio_ms, sessions=one.sessions
        )
        session.execute(
            added.on_conflict_do_update(
                index_elements=[UsageRow.day, UsageRow.key_id],
                set_={
                    "audio_ms": UsageRow.audio_ms + added.excluded.audio_ms,
                    "sessions": UsageRow.sessions + added.excluded.sessions,
                },
            )
        )


def _note_last_use(session: Session, batch: UsageBatch) -> None:
    used = sorted({one.key_id for one in batch.counts if one.sessions})
    if used:
        session.execute(
            update(KeyRow).where(KeyRow.id.in_(used)).values(last_used_at=batch.at),
            execution_options={"synchronize_session": False},
        )


def _insert(session: Session) -> type[postgresql.Insert | sqlite.Insert]:
    """Return the INSERT that knows what to do with a row that is there already."""
    is_postgresql = session.connection().dialect.name == "postgresql"
    return postgresql.Insert if is_postgresql else sqlite.Insert
