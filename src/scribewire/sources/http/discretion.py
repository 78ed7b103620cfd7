"""What a client is told of hosts that only a rule of the owner lets it reach: nothing but sound.

Whether something listens there, whether it answers with a page, a picture or an error, and where
it leads, would be a map of the owner's network. So whatever goes wrong on the way through such a
host is one message, and the log has the rest.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.sources.faults import SourceFault, invalid_stream

if TYPE_CHECKING:
    from scribewire.sources.events import SourceEvent


@dataclass(slots=True)
class _Way:
    """Where a pull has been."""

    is_private: bool = False


_way: ContextVar[_Way | None] = ContextVar("way", default=None)


def note_private_host() -> None:
    """Take note that the present pull reaches a host that only a rule lets it reach."""
    way = _way.get()
    if way is not None:
        way.is_private = True


async def discreet(events: AsyncGenerator[SourceEvent, None]) -> AsyncGenerator[SourceEvent, None]:
    """Pass the events of a pull on; where it went through such a host, its fault says only that.

    What the fault is good for (its close code, whether it may pass) stays.
    """
    way = _Way()
    _way.set(way)
    try:
        async with aclosing(events) as passed:
            async for event in passed:
                yield event
    except SourceFault as fault:
        if not way.is_private:  # an address that is refused is none that was reached
            raise
        raise fault.told_as(invalid_stream("no audio was found there").message) from fault
