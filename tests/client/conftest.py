from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.server import ServerConnection, serve

from scribewire.client import (
    ClientError,
    ClosedError,
    FinalResult,
    Message,
    PartialResult,
    ProtocolViolationError,
    SessionError,
    ShuttingDown,
)
from scribewire.engines.engines import Engines
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad

KEY = "key-1"

START = '{"action":"start"}'
STOP = '{"action":"stop"}'
LISTENING = '{"state":"listening","session_id":"5e55"}'
STOPPED = '{"state":"stopped"}'
PARTIAL = '{"text":"hel","is_final":false,"offset_ms":320,"stability":0.5}'
FINAL = '{"text":"hello","is_final":true,"offset_ms":640}'

HEL = PartialResult(text="hel", offset_ms=320, stability=0.5)
HELLO = FinalResult(text="hello", offset_ms=640)


@dataclass
class ScriptedServer:
    """A server that says what a test wrote down, whatever it hears."""

    on_start: list[str]
    """Said once a text message, `start`, has come."""
    on_stop: list[str] | None = None
    """Said once another has come, `stop`; None: it is not waited for."""
    close: int | None = 1000
    """None: the connection breaks."""
    reason: str = ""
    heard: list[str | bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    close_code: int | None = None
    """With which code the client left."""

    async def __call__(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        self.paths.append(websocket.request.path)
        self.keys.append(websocket.request.headers.get("x-api-key"))
        await self._say(websocket, self.on_start)
        if self.on_stop is not None:
            await self._say(websocket, self.on_stop)
        if self.close is None:
            websocket.transport.abort()
        else:
            await websocket.close(self.close, self.reason)

    async def _say(self, websocket: ServerConnection, texts: list[str]) -> None:
        """Wait for the next text message, then say everything."""
        while isinstance(message := await websocket.recv(), bytes):
            self.heard.append(message)
        self.heard.append(message)
        for text in texts:
            await websocket.send(text)


Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def playing(handler: Handler, *, max_queue: int | None = 16) -> AsyncIterator[str]:
    """Serve a script, or any handler, on a free port; None: it never slows its client down."""
    async with serve(handler, "127.0.0.1", 0, compression=None, max_queue=max_queue) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@dataclass
class StreamingServer:
    """Says what a server in stream mode says by itself; hears at most `stop`."""

    says: list[str]
    close: int = 1000
    on_stop: list[str] | None = None
    """Said once a message has come; None: it is not waited for."""
    heard: list[str | bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def __call__(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        self.paths.append(websocket.request.path)
        for text in self.says:
            await websocket.send(text)
        if self.on_stop is not None:
            self.heard.append(await websocket.recv())
            for text in self.on_stop:
                await websocket.send(text)
        await websocket.close(self.close)


class SilentServer:
    """Accepts, says `loading` if it is told to, and then nothing."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    async def __call__(self, websocket: ServerConnection) -> None:
        for text in self._texts:
            await websocket.send(text)
        await websocket.wait_closed()


class LoadingServer:
    """Says every `every_s` that it is loading, so many times, and then that it listens."""

    def __init__(self, *, times: int, every_s: float) -> None:
        self._times = times
        self._every_s = every_s

    async def __call__(self, websocket: ServerConnection) -> None:
        assert await websocket.recv() == START
        for _ in range(self._times):
            await websocket.send('{"state":"loading"}')
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(websocket.wait_closed(), self._every_s)
        await websocket.send(LISTENING)
        assert await websocket.recv() == STOP
        await websocket.send(STOPPED)


class CloggedServer:
    """Says more than any socket holds before it reads the first audio, then counts it."""

    result = '{"text":"' + "hello " * 700 + '","is_final":true,"offset_ms":640}'
    results = 4000  # of 4 KB: no socket holds 16 MB

    def __init__(self) -> None:
        self.bytes_heard = 0

    async def __call__(self, websocket: ServerConnection) -> None:
        assert await websocket.recv() == START
        await websocket.send(LISTENING)
        for _ in range(self.results):
            await websocket.send(self.result)
        while isinstance(message := await websocket.recv(), bytes):
            self.bytes_heard += len(message)
        await websocket.send(STOPPED)


class DeafServer:
    """Is listening, but never reads: its client is slowed down until it stands still."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()

    async def __call__(self, websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(LISTENING)
        websocket.transport.pause_reading()
        await self.may_go.wait()
        websocket.transport.abort()


class Peers:
    """The servers that a client may meet, and how to run them."""

    playing = staticmethod(playing)
    Scripted = ScriptedServer
    Streaming = StreamingServer
    Silent = SilentServer
    Loading = LoadingServer
    Clogged = CloggedServer
    Deaf = DeafServer


@pytest.fixture
def peers() -> Peers:
    """The servers that a client may meet: `async with peers.playing(peers.Deaf()) as url`."""
    return Peers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A dialogue in which the client asks for the end, and what its user gets to see."""

    name: str
    on_start: list[str]
    on_stop: list[str] | None = None
    close: int | None = 1000
    reason: str = ""
    messages: list[Message] = field(default_factory=list)
    error: ClientError | None = None

    def server(self) -> ScriptedServer:
        return ScriptedServer(self.on_start, self.on_stop, self.close, self.reason)


BAD_ACTION = '{"error":"action \\"x\\": expected \\"start\\" or \\"stop\\""}'

SCENARIOS = [
    Scenario(
        name="a partial and its final",
        on_start=[LISTENING, PARTIAL],
        on_stop=[FINAL, STOPPED],
        messages=[HEL, HELLO],
    ),
    Scenario(
        name="a shutdown is announced",
        on_start=[LISTENING, '{"state":"shutting_down","at":1700000000}'],
        on_stop=[FINAL, STOPPED],
        messages=[ShuttingDown(1_700_000_000), HELLO],
    ),
    Scenario(
        name="a message of a newer server is skipped",
        on_start=[LISTENING, '{"mood":"good"}'],
        on_stop=[FINAL, STOPPED],
        messages=[HELLO],
    ),
    Scenario(
        name="an error that does not end the session loses nothing",
        on_start=[LISTENING, BAD_ACTION],
        on_stop=[FINAL, STOPPED],
        messages=[HELLO],
    ),
    Scenario(
        name="finals that follow an error are delivered before it is raised",
        on_start=[LISTENING, PARTIAL, '{"error":"bad audio"}', FINAL],
        close=1008,
        reason="bad audio",
        messages=[HEL, HELLO],
        error=SessionError("bad audio", 1008),
    ),
    Scenario(
        name="the server fails",
        on_start=[LISTENING, '{"error":"recognition failed"}'],
        close=1011,
        error=SessionError("recognition failed", 1011),
    ),
    Scenario(
        name="the connection breaks",
        on_start=[LISTENING, FINAL],
        close=None,
        messages=[HELLO],
        error=ClosedError(1006, ""),
    ),
    Scenario(
        name="a close without `stopped` is no proper end",
        on_start=[LISTENING, FINAL],
        messages=[HELLO],
        error=ClosedError(1000, ""),
    ),
    Scenario(
        name="a message too big",
        on_start=[LISTENING],
        close=1009,
        error=ClosedError(1009, ""),
    ),
    Scenario(
        name="garbage",
        on_start=[LISTENING, FINAL, "<html>"],
        on_stop=[],
        messages=[HELLO],
        error=ProtocolViolationError("the server sent malformed JSON at character 0"),
    ),
]


@pytest.fixture(params=SCENARIOS, ids=lambda scenario: scenario.name)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """Each dialogue that both clients must come through alike."""
    assert isinstance(request.param, Scenario)
    return request.param


@pytest.fixture
async def server_url() -> AsyncIterator[str]:
    """A real server that hears what `draw_pcm` draws."""
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    async with serving(Settings(port=0, keys=(KEY,)), engines) as (address, _):
        yield address.url
