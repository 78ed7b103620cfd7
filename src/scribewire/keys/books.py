"""The key database as a server uses it: one call every second, and what operators ask."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scribewire.keys.database import open_database
from scribewire.keys.records import KeySnapshot
from scribewire.keys.store import KeyStore
from scribewire.keys.token_secret import read_token_secret
from scribewire.keys.upgrade import upgrade
from scribewire.keys.usage_tables import UsageTables

if TYPE_CHECKING:
    from scribewire.keys.database import Database
    from scribewire.keys.usage import UsageBatch


class KeyBooks:
    """Keys and their use. Any thread may call it; each call waits for the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.store = KeyStore(database)
        self.usage = UsageTables(database)

    def token_secret(self) -> bytes:
        """Return what tokens are signed with on all servers of the database."""
        return read_token_secret(self._database)

    @classmethod
    def open(cls, url: str) -> KeyBooks:
        """Open a database, and make or bring up to date its tables. Raises DatabaseFault."""
        database = open_database(url)
        upgrade(database)
        return cls(database)

    def synchronise(
        self, batch: UsageBatch | None, *, revision: int | None, now: float
    ) -> KeySnapshot:
        """Write what was counted, and return what has changed since a revision.

        Raises DatabaseFault; whether the batch was written is then not known.
        """
        if batch is not None:
            self.usage.write(batch)
        used = self.usage.used_audio(datetime.fromtimestamp(now, UTC).date())
        if revision is not None and self.store.revision() == revision:
            return KeySnapshot(revision=revision, known=None, used=used)
        number, known = self.store.known_keys()
        return KeySnapshot(revision=number, known=tuple(known), used=used)

    def close(self) -> None:
        """Give up the connections."""
        self._database.close()
