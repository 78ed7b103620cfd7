"""The tables of the key database, the same in SQLite and in PostgreSQL.

Times are Unix seconds and days are of UTC. A change here needs a migration beside it.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import JSON, BigInteger, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from scribewire.keys.rights import MAX_NAME_CHARACTERS

_Names = list[str] | None


class KeyTables(DeclarativeBase):
    """All of them."""

    type_annotation_map = {  # noqa: RUF012 - as SQLAlchemy asks for it
        int: BigInteger(),
        # What is absent is no limit, an empty list allows nothing.
        _Names: JSON(none_as_null=True),
    }


class KeyRow(KeyTables):
    """A key, its rights, and what became of it. Rows stay when a key is revoked."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME_CHARACTERS))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    previous_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Of the secret before the last rotation, while it is still taken."""
    previous_until: Mapped[int | None]
    is_admin: Mapped[bool]
    modes: Mapped[_Names]
    languages: Mapped[_Names]
    origins: Mapped[_Names]
    source_hosts: Mapped[_Names]
    max_sessions: Mapped[int | None]
    max_audio_s_per_day: Mapped[float | None]
    max_audio_s_per_month: Mapped[float | None]
    created_at: Mapped[int]
    expires_at: Mapped[int | None]
    rotated_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    last_used_at: Mapped[int | None]


class RevisionRow(KeyTables):
    """One row, whose number grows with every change of a key: servers look at it alone."""

    __tablename__ = "key_revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class UsageRow(KeyTables):
    """What a key was used for on one day. Keys of the command line have no `KeyRow`."""

    __tablename__ = "key_usage"

    day: Mapped[date] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    audio_ms: Mapped[int]
    sessions: Mapped[int]


class WriterRow(KeyTables):
    """One run of a server, and the number of the last batch of usage that it has written."""

    __tablename__ = "usage_writer"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    sequence: Mapped[int]
    seen_at: Mapped[int]


class TokenSecretRow(KeyTables):
    """One row: what tokens are signed with."""

    __tablename__ = "token_secret"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
