"""An answer that goes on: Server-Sent Events, as browsers and curl read them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from scribewire.protocol.strict_json import Fields

RETRY_MS: Final = 2_000
"""When a browser connects again whose connection was lost, with the last number that it has."""

MEDIA_TYPE: Final = "text/event-stream"

_ALIVE = ": alive\n\n"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event."""

    name: str
    """What its listener waits for."""
    fields: Fields
    """What it says."""
    number: int | None = None
    """What whoever connects again says that it has."""

    def __str__(self) -> str:
        """Return it as it is written."""
        identity = "" if self.number is None else f"id: {self.number}\n"
        data = json.dumps(self.fields, ensure_ascii=False, separators=(",", ":"))
        return f"event: {self.name}\n{identity}data: {data}\n\n"


class EventStream:
    """An ASGI answer of events, until there are no more or the client is gone.

    `events` gives None where nothing has come for a while. `on_end` is called once, whatever
    happens, also where nobody has asked for the body.
    """

    def __init__(
        self, events: AsyncGenerator[ServerSentEvent | None, None], on_end: Callable[[], None]
    ) -> None:
        self._events = events
        self._on_end = on_end
        self._headers: Mapping[str, str] = {}

    def with_headers(self, headers: Mapping[str, str]) -> EventStream:
        """Say these as well."""
        self._headers = headers
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            await send(self._head())
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body"})
                return
            await self._tell_while_there(receive, send)
        finally:
            await self._events.aclose()
            self._on_end()

    async def _tell_while_there(self, receive: Receive, send: Send) -> None:
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (telling, leaving):
                one.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)
        if not telling.cancelled():
            telling.result()  # what went wrong, if anything did

    async def _tell(self, send: Send) -> None:
        await send(_part(f"retry: {RETRY_MS}\n\n"))
        async for event in self._events:
            await send(_part(_ALIVE if event is None else str(event)))
        await send({"type": "http.response.body", "more_body": False})

    def _head(self) -> dict[str, object]:
        # A proxy that gathers what it passes on would keep it back.
        own = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in (own | dict(self._headers)).items()
        ]
        return {"type": "http.response.start", "status": 200, "headers": headers}


def _part(text: str) -> dict[str, object]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
