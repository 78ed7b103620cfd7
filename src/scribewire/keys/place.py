"""Which database holds the keys; found without loading what opens it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

if TYPE_CHECKING:
    from scribewire.settings import Settings

FILE: Final = "keys.sqlite3"


def default_database() -> Path:
    """Return the file that holds the keys where nobody has named a database."""
    return platformdirs.user_data_path("scribewire", appauthor=False) / FILE


def default_url() -> str:
    """Return the same as a URL."""
    return f"sqlite:///{default_database()}"


def database_of(settings: Settings) -> str | None:
    """Return the URL of the database that a server uses; None: none, which it does not touch.

    It is the one that was named. Where keys were given instead, there is none; else it is the
    default one, once the first key has been made there.
    """
    if settings.database is not None:
        return settings.database
    if settings.keys or not default_database().exists():
        return None
    return default_url()


def words_for_database(settings: Settings) -> str | None:
    """Return the same for people: no address, since a password may stand in it."""
    url = database_of(settings)
    if url is None:
        return None
    scheme, _, file = url.partition(":///")
    return f"the database {file}" if scheme == "sqlite" and file else "the database of --database"
