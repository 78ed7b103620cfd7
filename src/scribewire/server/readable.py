"""The sessions of one server as they can be read along, and how many read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from scribewire.errors import CloseCode
from scribewire.runtime.told import ToldEvents
from scribewire.server.look_ups import SharedLookUps

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.server.session import Session

MOST_READERS_OF_SESSION: Final = 100
"""More have something before the server that passes it on: each result is written to each."""

MOST_READERS: Final = 1_000
"""Each has a connection, and holds up to 64 KB that it has not read."""

MOST_KEPT_FINALS: Final = 64
"""Of a session that nobody may come back to, for those who begin to read late."""


class ReadableSession:
    """A session that is carried here. Close it once it is carried no more.

    `may_go_on`: elsewhere, when its server has ended it.
    """

    def __init__(self, session: Session, key_id: str, *, most_finals: int, may_go_on: bool) -> None:
        results = session.results
        before = results.finals_before
        self.key_id = key_id
        """Whose it is."""
        self.told = ToldEvents(most_finals, before, results.last_final)
        results.told, results.on_complete = self.told, self._complete
        self._session, self._may_go_on = session, may_go_on

    def close(self) -> None:
        """Tell those who read how it has ended, unless it may go on elsewhere."""
        self._end(self._session.results.outcome, may_go_on=self._may_go_on)

    def _complete(self) -> None:
        is_by_server = self._session.end_code is not CloseCode.NORMAL
        self._end("complete", may_go_on=self._may_go_on and is_by_server)

    def _end(self, outcome: str, *, may_go_on: bool) -> None:
        if may_go_on:
            self.told.leave()
        else:
            self.told.end(outcome)


class ReadableSessions:
    """Those of one server."""

    def __init__(
        self, *, most: int = MOST_READERS, most_of_session: int = MOST_READERS_OF_SESSION
    ) -> None:
        self.look_ups: Final = SharedLookUps()
        """What journals have of those that nobody carries."""
        self._most, self._most_of_session = most, most_of_session
        self._carried: dict[str, ReadableSession] = {}
        self._readers: Counter[str] = Counter()

    @property
    def readers(self) -> int:
        """How many read."""
        return self._readers.total()

    def add(self, session_id: str, one: ReadableSession) -> None:
        """Know one that is carried here from now on."""
        self._carried[session_id] = one

    def remove(self, session_id: str, one: ReadableSession) -> None:
        """Know it no more."""
        if self._carried.get(session_id) is one:
            del self._carried[session_id]

    def find(self, session_id: str) -> ReadableSession | None:
        """Return one that is carried here."""
        return self._carried.get(session_id)

    def take_place(self, session_id: str) -> Callable[[], None] | None:
        """Count a reader until what is returned is called; None: there are too many."""
        if self._readers[session_id] >= self._most_of_session or self.readers >= self._most:
            return None
        self._readers[session_id] += 1
        return lambda: self._give_back(session_id)

    def _give_back(self, session_id: str) -> None:
        self._readers[session_id] -= 1
        if not self._readers[session_id]:
            del self._readers[session_id]
