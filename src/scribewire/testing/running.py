"""A real server inside a test, and one dialogue with it, message by message."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from scribewire.engines.engines import Engines
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.sources.http.urls import check_url
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from scribewire.runtime.observer import Observer
    from scribewire.server.address import Address
    from scribewire.server.services import Services

KEYS = ("key-1", "key-2")
"""What a `run_server` accepts."""


@contextlib.asynccontextmanager
async def run_server(
    engines: Engines | None = None,
    *,
    named_source: str | None = None,
    observer: Observer | None = None,
    **options: object,
) -> AsyncIterator[RunningServer]:
    """Run a server on a free port; without engines it hears what `draw_pcm` draws.

    `named_source` is a URL whose host clients may be told all about, as of public ones. `options`
    are fields of Settings. However slow the machine is, every session is let in, and who is
    refused is so at once, unless they say otherwise.
    """
    defaults = {"port": 0, "keys": KEYS, "max_final_latency_ms": 0, "place_wait_ms": 0}
    settings = Settings.model_validate({**defaults, **options})
    engines = engines or Engines(ScriptedVad(), (ScriptedEngine(),))
    named = None if named_source is None else check_url(named_source)
    async with serving(settings, engines, named_source=named, observer=observer) as running:
        yield RunningServer(*running)


@dataclass
class RawClient:
    """One WebSocket to a server under test, and all that has come over it."""

    websocket: ClientConnection
    """Open for as long as the context of `RunningServer.dial` is."""
    texts: list[str] = field(default_factory=list)
    """Every message of the server, as it came."""

    async def send(self, *messages: str | bytes) -> None:
        """Send messages, in order."""
        for message in messages:
            await self.websocket.send(message)

    async def next(self) -> dict[str, Any]:
        """Wait for the server's next message. Raises ConnectionClosed when none comes."""
        text = await self.websocket.recv(decode=True)
        assert isinstance(text, str)
        self.texts.append(text)
        message: dict[str, Any] = json.loads(text)
        return message

    async def until_closed(self) -> int:
        """Read everything up to the close and return its code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        code = self.websocket.close_code
        assert code is not None
        return code

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Everything that came, parsed."""
        return [json.loads(text) for text in self.texts]

    @property
    def finals(self) -> list[str]:
        """The text of every final that came."""
        return [m["text"] for m in self.messages if m.get("is_final")]

    @property
    def errors(self) -> list[str]:
        """The words of every error that came."""
        return [m["error"] for m in self.messages if "error" in m]


@dataclass
class RunningServer:
    """A real server on a real port of this machine, inside the test's event loop."""

    address: Address
    """Where it listens."""
    services: Services
    """Its inside."""

    @contextlib.asynccontextmanager
    async def dial(
        self,
        path: str = "/v2/realtime?token=key-1",
        headers: dict[str, str] | None = None,
        *,
        offers: Sequence[str] = (),
    ) -> AsyncIterator[RawClient]:
        """Open a WebSocket to it, with these subprotocols offered."""
        async with connect(
            self.address.url + path,
            additional_headers=headers,
            subprotocols=[Subprotocol(name) for name in offers] or None,
            proxy=None,
            max_size=None,
            close_timeout=2,
        ) as websocket:
            yield RawClient(websocket)
