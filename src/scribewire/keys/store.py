"""The keys in a database: made, looked at, renewed, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import or_, select, tuple_, update

from scribewire.grants import Grant
from scribewire.keys.key_text import KEY_ID, KeyText, id_of, make_key_id, make_key_text
from scribewire.keys.pages import Page, cut_page, read_cursor_of_keys
from scribewire.keys.records import KeyIsOver, KeyRecord, KnownKey, MadeKey, NoSuchKey
from scribewire.keys.schema import KeyRow, RevisionRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from scribewire.keys.database import Database
    from scribewire.keys.rights import RightsChange
    from scribewire.types import Mode


class KeyStore:
    """Every method is one transaction, and raises DatabaseFault where there is no database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, rights: Grant, *, now: float) -> MadeKey:
        """Make a key with these rights, whose name and limits count."""
        text = make_key_text(make_key_id())
        with self._database.writing() as session:
            row = _row_of(rights, text, now=now)
            session.add(row)
            _note_change(session)
            return MadeKey(record=_record_of(row), key=text.whole)

    def all_keys(self) -> list[KeyRecord]:
        """Return every key, the oldest first; the revoked ones too."""
        with self._database.reading() as session:
            rows = session.scalars(select(KeyRow).order_by(KeyRow.created_at, KeyRow.id))
            return [_record_of(row) for row in rows]

    def page(
        self, *, cursor: str | None, limit: int, active_at: float | None = None
    ) -> Page[KeyRecord]:
        """Return some keys, the oldest first, from where the last page ended.

        With `active_at` those alone that can be used then.
        """
        asked = select(KeyRow).order_by(KeyRow.created_at, KeyRow.id).limit(limit + 1)
        if cursor is not None:
            made_at, key_id = read_cursor_of_keys(cursor)
            asked = asked.where(tuple_(KeyRow.created_at, KeyRow.id) > (made_at, key_id))
        if active_at is not None:
            is_in_time = or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > active_at)
            asked = asked.where(KeyRow.revoked_at.is_(None), is_in_time)
        with self._database.reading() as session:
            found = [_record_of(row) for row in session.scalars(asked)]
        return cut_page(found, limit, lambda one: f"{one.created_at}.{one.grant.key_id}")

    def find(self, key_id: str) -> KeyRecord:
        """Return the key of this name. Raises NoSuchKey."""
        with self._database.reading() as session:
            return _record_of(_row(session, key_id))

    def revoke(self, key_id: str, *, now: float) -> KeyRecord:
        """End a key for good; again does nothing. Raises NoSuchKey."""
        with self._database.writing() as session:
            row = _row(session, key_id)
            if row.revoked_at is None:
                row.revoked_at = int(now)
                row.previous_digest = row.previous_until = None
                _note_change(session)
            return _record_of(row)

    def rotate(self, key_id: str, *, now: float, grace_s: int = 0) -> MadeKey:
        """Give a key a new secret; the old one is taken for `grace_s` more.

        Raises NoSuchKey, and KeyIsOver for one that was revoked.
        """
        text = make_key_text(key_id)
        with self._database.writing() as session:
            row = _row_in_force(session, key_id)
            row.previous_digest = row.digest if grace_s else None
            row.previous_until = int(now) + grace_s if grace_s else None
            row.digest, row.rotated_at = text.digest, int(now)
            _note_change(session)
            return MadeKey(record=_record_of(row), key=text.whole)

    def change(self, key_id: str, change: RightsChange) -> KeyRecord:
        """Give a key other rights, in the fields that are named alone.

        Raises NoSuchKey, and KeyIsOver for one that was revoked.
        """
        with self._database.writing() as session:
            row = _row_in_force(session, key_id)
            columns = _columns_of(change.rights)
            for field in change.fields:
                setattr(row, field, columns[field])
            _note_change(session)
            return _record_of(row)

    def revision(self) -> int:
        """Return a number that another one follows when a key has changed."""
        with self._database.reading() as session:
            return session.scalars(select(RevisionRow.number)).one()

    def known_keys(self) -> tuple[int, list[KnownKey]]:
        """Return the keys that were not revoked, and the revision that they are of."""
        with self._database.reading() as session:
            number = session.scalars(select(RevisionRow.number)).one()
            rows = session.scalars(select(KeyRow).where(KeyRow.revoked_at.is_(None)))
            return number, [_known_key_of(row) for row in rows]


def _row(session: Session, key_id: str) -> KeyRow:
    is_one = KEY_ID.fullmatch(key_id) is not None  # else PostgreSQL may not even read it
    row = session.get(KeyRow, key_id, with_for_update=True) if is_one else None
    if row is None:
        # A whole key by mistake: its secret is not repeated.
        near = id_of(key_id)
        told = "no key has that name" if near is None else f"give the name alone: {near}"
        raise NoSuchKey(f"{told}; `scribewire keys list` tells them")
    return row


def _row_in_force(session: Session, key_id: str) -> KeyRow:
    row = _row(session, key_id)
    if row.revoked_at is not None:
        raise KeyIsOver(f"{key_id} was revoked, which is for good: create another key")
    return row


def _note_change(session: Session) -> None:
    """Let servers see that a key has changed; who changes another one waits for this."""
    session.execute(update(RevisionRow).values(number=RevisionRow.number + 1))


def _row_of(rights: Grant, text: KeyText, *, now: float) -> KeyRow:
    columns = _columns_of(rights)
    return KeyRow(id=text.key_id, digest=text.digest, created_at=int(now), **columns)


def _columns_of(rights: Grant) -> dict[str, object]:
    """Return rights as a row has them, by the names that both have for them."""
    return {
        "name": rights.name,
        "is_admin": rights.is_admin,
        "modes": _listed(rights.modes),
        "languages": _listed(rights.languages),
        "origins": _listed(rights.origins),
        "source_hosts": _listed(rights.source_hosts),
        "max_sessions": rights.max_sessions,
        "max_audio_s_per_day": rights.max_audio_s_per_day,
        "max_audio_s_per_month": rights.max_audio_s_per_month,
        "expires_at": None if rights.expires_at is None else int(rights.expires_at),
    }


def _grant_of(row: KeyRow) -> Grant:
    return Grant(
        key_id=row.id,
        name=row.name,
        is_admin=row.is_admin,
        modes=cast("frozenset[Mode] | None", _set(row.modes)),  # none else is ever written
        languages=_set(row.languages),
        origins=_set(row.origins),
        source_hosts=_set(row.source_hosts),
        max_sessions=row.max_sessions,
        max_audio_s_per_day=row.max_audio_s_per_day,
        max_audio_s_per_month=row.max_audio_s_per_month,
        expires_at=row.expires_at,
    )


def _record_of(row: KeyRow) -> KeyRecord:
    return KeyRecord(
        grant=_grant_of(row),
        created_at=row.created_at,
        rotated_at=row.rotated_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _known_key_of(row: KeyRow) -> KnownKey:
    return KnownKey(
        grant=_grant_of(row),
        digest=row.digest,
        previous_digest=row.previous_digest,
        previous_until=row.previous_until or 0,
    )


def _listed(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _set(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
