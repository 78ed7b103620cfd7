"""Queues between a core and its shell."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from scribewire.protocol.dialogue import ProtocolMisuseError

MAX_PENDING = 1024  # a shell that drains after each call holds a handful; this one has forgotten

Item = TypeVar("Item")


class Pending(Generic[Item]):
    """Items in order, for a shell that takes them after every call."""

    def __init__(self, taken_by: str) -> None:
        self._taken_by = taken_by
        self._items: deque[Item] = deque()

    def add(self, item: Item) -> None:
        """Queue an item; `ProtocolMisuseError` when the shell has stopped taking them."""
        if len(self._items) >= MAX_PENDING:
            raise ProtocolMisuseError(
                f"{MAX_PENDING} items pending: call {self._taken_by} until it returns None"
            )
        self._items.append(item)

    def take(self) -> Item | None:
        """Return the oldest item, or None."""
        return self._items.popleft() if self._items else None

    def drop_all(self) -> None:
        """Forget what has not been taken."""
        self._items.clear()
