"""ASGI's side of a session, as clients have it that read nothing, little, or slowly."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket

from scribewire.protocol.dialects import read_request
from scribewire.server.attachment import Attachment
from scribewire.server.session import Session
from scribewire.server.session_clock import USUAL_TIMES, SessionTimes
from scribewire.server.session_opening import open_session

if TYPE_CHECKING:
    from scribewire.testing.running import RunningServer


class EagerClient:
    """ASGI's side of a session whose messages are all there already; `send` fails if it is gone."""

    def __init__(self, *messages: dict[str, Any], is_gone: bool = False) -> None:
        self.waiting = deque([{"type": "websocket.connect"}, *messages])
        self._is_gone = is_gone

    async def receive(self) -> dict[str, Any]:
        """Say the next of them."""
        if not self.waiting:
            await asyncio.Event().wait()
        return self.waiting.popleft()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        """Read this."""
        if self._is_gone and message["type"] != "websocket.accept":
            raise OSError("gone")


class DeafClient(EagerClient):
    """A client that reads nothing of what it is sent."""

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        """Read this."""
        if message["type"] != "websocket.accept":
            await asyncio.Event().wait()


class WearyClient(EagerClient):
    """A client that reads up to the first final and nothing more."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        super().__init__(*messages)
        self.has_stopped = asyncio.Event()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        """Read this."""
        if '"is_final":true' in message.get("text", ""):
            self.has_stopped.set()
            await asyncio.Event().wait()


class SlowClient(EagerClient):
    """A client that takes its time over the first final, and sends on from then on."""

    def __init__(self, *messages: dict[str, Any], takes_s: float) -> None:
        super().__init__(*messages)
        self.read: list[str] = []
        self.has_said = 0
        self.close: dict[str, Any] | None = None
        self._takes_s = takes_s
        self._is_slow = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        """Say the next of them."""
        if self.has_said == 3:  # the connect, the start and the first audio
            await self._is_slow.wait()
        self.has_said += 1
        return await super().receive()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        """Read this."""
        match message:
            case {"type": "websocket.close"}:
                self.close = message
            case {"type": "websocket.send", "text": str(text)}:
                self.read.append(text)
                if '"is_final":true' in text:
                    self._is_slow.set()
                    takes_s, self._takes_s = self._takes_s, 0.0
                    await asyncio.sleep(takes_s)


async def attach_client(
    server: RunningServer,
    client: EagerClient,
    times: SessionTimes = USUAL_TIMES,
    *,
    session: Session | None = None,
) -> Attachment:
    """Return what serves this client, to be run: a session of its own, or this one."""
    websocket = WebSocket({"type": "websocket"}, client.receive, client.send)
    await websocket.accept()
    opening = read_request("/v2/realtime", "token=key-1", [])
    assert opening is not None
    dialogue = opening.begin(server.services.policy, "5e55", asyncio.get_running_loop().time())
    return Attachment(
        websocket,
        dialogue,
        lambda started: session or open_session("5e55", started, server.services),
        name="5e55",
        times=times,
    )
