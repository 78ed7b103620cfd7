"""Which of the server processes that share a port takes the next connection.

Theory of operation. All of them wait at one listening socket, so all see that somebody has come,
and whoever is first takes it. So that this is the one with the most room, each of the others leaves
it there for a moment, and takes it only if it is still there then: nobody waits for a process that
hangs, and none refuses a client while another has room. Each tells the others how it does in memory
that all of them have; there is no lock, since each writes its own numbers alone, and one that is
read a moment too early costs a moment.
"""

from __future__ import annotations

import contextlib
import mmap
import socket
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEHIND_S: Final = 0.005
"""How long who has less room than another leaves a connection to it: longer than that takes."""
FULL_S: Final = 0.25
"""How long who is full leaves it: the others may be busy for a moment, and here it is refused."""

_FIELDS: Final = 4  # whether it takes part, connections, room, connections when that was counted
_FIELD_BYTES: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class ProcessStanding:
    """How one process does; the greater one takes the next connection."""

    room: int
    """Sessions that it would still let in."""
    fewer_connections: int
    """Its connections, as a negative number."""


class Board:
    """What the processes know of each other, in memory that all of them have.

    It is for `count` processes; `descriptor` is the file that it lies in.
    """

    def __init__(self, descriptor: int, count: int) -> None:
        self.descriptor: Final = descriptor
        self.count: Final = count
        self._memory = mmap.mmap(descriptor, count * _FIELDS * _FIELD_BYTES)
        self._numbers = memoryview(self._memory).cast("i")

    def set(self, process: int, connections: int, room: int, at_connections: int) -> None:
        """Tell how a process does."""
        at = process * _FIELDS
        numbers = self._numbers
        numbers[at + 1], numbers[at + 2], numbers[at + 3] = connections, room, at_connections
        numbers[at] = 1

    def clear(self, process: int) -> None:
        """Let a process take part no more: it has ended."""
        self._numbers[process * _FIELDS] = 0

    def standing(self, process: int) -> ProcessStanding | None:
        """Return how a process does; None: it takes no part.

        Each connection that has come since its room was counted counts as a session.
        """
        at = process * _FIELDS
        takes_part, connections, room, at_connections = self._numbers[at : at + _FIELDS]
        if not takes_part:
            return None
        return ProcessStanding(max(room - max(connections - at_connections, 0), 0), -connections)

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._memory.close()


@contextlib.contextmanager
def making_board(count: int) -> Iterator[Board]:
    """Make the board of so many processes, for whoever starts them."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(count * _FIELDS * _FIELD_BYTES))
        file.flush()
        board = Board(file.fileno(), count)
        try:
            yield board
        finally:
            board.close()


class Siblings:
    """The other processes, as the one of number `own` sees them."""

    def __init__(self, board: Board, own: int) -> None:
        self._board = board
        self._own = own
        self._connections = 0
        self._room = 0
        self._at_connections = 0

    def tell_connections(self, count: int) -> None:
        """Tell how many connections there are here now."""
        self._connections = count
        self._tell()

    def tell_room(self, room: int) -> None:
        """Tell how many sessions would be let in now."""
        self._room, self._at_connections = room, self._connections
        self._tell()

    def wait_s(self) -> float:
        """Return how long a connection should be left to the others; 0: it should be taken."""
        own = self._board.standing(self._own)
        others = [self._board.standing(one) for one in range(self._board.count) if one != self._own]
        best = max((other for other in others if other is not None), default=None)
        if own is None or best is None or best <= own:
            return 0.0
        return FULL_S if best.room and not own.room else BEHIND_S

    def _tell(self) -> None:
        self._board.set(self._own, self._connections, self._room, self._at_connections)


@dataclass(frozen=True, slots=True)
class SharedPort:
    """What a server process has of whoever started it and others."""

    listening: socket.socket
    """The socket that all of them wait at; it is bound, and listens once the first is ready."""
    siblings: Siblings
    """The others."""
    orders: int
    """Descriptor of the pipe by which it is told to end; where that ends it has to as well."""
    on_drained: Callable[[], None]
    """Called when it goes down, not as it was told to but since an operator asked from afar."""
