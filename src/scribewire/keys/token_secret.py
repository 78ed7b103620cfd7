"""The secret that tokens are signed with, as a key database keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from scribewire.keys.schema import TokenSecretRow

if TYPE_CHECKING:
    from scribewire.keys.database import Database


def read_token_secret(database: Database) -> bytes:
    """Return the secret of all servers of this database. Raises DatabaseFault."""
    with database.reading() as session:
        return session.scalars(select(TokenSecretRow.secret)).one()
