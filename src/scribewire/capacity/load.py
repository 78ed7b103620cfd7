"""Many paced clients of one server, and when everything they were told came.

Theory of operation. A live source does not wait: a chunk is due when its last sample has been
spoken, so chunk k of 100 ms is due 100 * (k + 1) ms after the stream began, whatever the server
does. Time is read from one clock for all streams. What is late against that schedule is either
the server's back-pressure or this machine's want of processor time; both are in `sent_s`.

The clients share one event loop and do nothing but send, receive and note the time, so that they
take little from the server they measure. Judging what they noted is `latency`'s work, afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from scribewire.client import Client, ClientError, FinalResult, PartialResult, connect
from scribewire.types import SAMPLE_RATE
from scribewire.wishes import Wishes

CHUNK_MS = 100  # as a browser or a phone sends
CHUNK_BYTES = CHUNK_MS * SAMPLE_RATE // 1000 * 2
PUSHED_BYTES = 32_000  # 1 s: when nothing is paced, the server's back-pressure sets the speed
CONNECTING_AT_ONCE = 16  # more would only wait in the kernel's queue
CONNECT_TIMEOUT_S = 60.0  # a server near its end answers late, and late is what we measure

ENGLISH = Wishes(language="en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server under load, and what every session asks it for."""

    url: str
    """ws://host:port, without a path."""
    key: str = field(repr=False)
    wishes: Wishes = ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one client will say."""

    pcm: bytes = field(repr=False)
    """Signed 16-bit, 16 kHz, mono."""
    starts_s: float = 0.0
    """When it begins to speak, on the clock of the load (`run_load` connects it before), or when it
    connects (`run_joining`)."""
    leaves_s: float | None = None
    """When it hangs up in the middle of its speech; None: it stays."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One result, and when it came."""

    at_s: float
    """On the clock of the load, which reads 0 when all are connected, or begin to connect."""
    result: PartialResult | FinalResult


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """Everything that happened to one stream, on the clock of the load."""

    began_s: float
    """When its first sample was spoken."""
    sent_s: tuple[float, ...] = field(default=(), repr=False)
    """When each chunk had been handed over."""
    arrivals: tuple[Arrival, ...] = field(default=(), repr=False)
    """Every result, in the order it came."""
    ended_s: float | None = None
    """When the server had said everything; None when it did not come to that."""
    failure: str = ""
    """Why the session did not end well, in the client's words."""

    @property
    def finals(self) -> tuple[FinalResult, ...]:
        """The finals in the order they came."""
        return tuple(one.result for one in self.arrivals if isinstance(one.result, FinalResult))

    def spoken_s(self, offset_ms: float) -> float:
        """Return when the sound at that place of the stream was heard in the room."""
        return self.began_s + offset_ms / 1000

    def due_s(self, offset_ms: float) -> float:
        """Return when a live source has sent the chunk that holds that place of the stream."""
        return self.began_s + -(-offset_ms // CHUNK_MS) * CHUNK_MS / 1000


async def run_load(
    target: Target, sources: Sequence[Source], *, patience_s: float = 60.0
) -> tuple[StreamRecord, ...]:
    """Let every source speak at its time, in real time; return what came of each.

    All are connected first. A server that is not done `patience_s` after the end of a source's
    speech is not waited for; nor does a refused connection stop the others.
    """
    async with _connected(target, len(sources)) as clients:
        clock = _Clock()

        async def speak(client: Client | ClientError, source: Source) -> StreamRecord:
            if isinstance(client, ClientError):
                return StreamRecord(began_s=source.starts_s, failure=str(client))
            return await _speak(client, source, source.starts_s, clock, patience_s)

        return tuple(await asyncio.gather(*map(speak, clients, sources)))


async def run_joining(
    target: Target, sources: Sequence[Source], *, patience_s: float = 60.0
) -> tuple[StreamRecord, ...]:
    """Let every source connect at its time and speak once it is let in; return what came of each.

    So a record's `began_s` less its source's `starts_s` is how long it waited to be let in, or to
    be refused: then nothing was sent, and `failure` says why.
    """
    clock = _Clock()

    async def join(source: Source) -> StreamRecord:
        await asyncio.sleep(source.starts_s - clock.now())
        try:
            async with _connect(target) as client:
                return await _speak(client, source, clock.now(), clock, patience_s)
        except ClientError as error:
            return StreamRecord(began_s=clock.now(), failure=str(error))

    return tuple(await asyncio.gather(*map(join, sources)))


async def push(target: Target, pcm: bytes) -> StreamRecord:
    """Send one whole stream as fast as it is taken. Raises ClientError when refused."""
    async with _connect(target) as client:
        notes = _Notes(0.0, _Clock())
        return await notes.converse(client, lambda: notes.push(client, pcm), None)


@contextlib.asynccontextmanager
async def hold_idle(target: Target, count: int) -> AsyncIterator[int]:
    """Keep sessions open that have started and say nothing; gives how many were accepted."""
    async with _connected(target, count) as clients:
        yield sum(not isinstance(client, ClientError) for client in clients)


class _Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._zero = time.perf_counter()

    def now(self) -> float:
        return time.perf_counter() - self._zero


class _Notes:
    """What one stream's client notes while it speaks and listens."""

    def __init__(self, began_s: float, clock: _Clock) -> None:
        self._began_s = began_s
        self._clock = clock
        self._sent_s: list[float] = []
        self._arrivals: list[Arrival] = []

    async def converse(
        self, client: Client, send: Callable[[], Awaitable[None]], until_s: float | None
    ) -> StreamRecord:
        """Send and receive until the server is done, or until the clock reads `until_s`."""
        sending = asyncio.ensure_future(send())
        ended_s, failure = None, ""
        delay = None if until_s is None else until_s - self._clock.now()
        try:
            async with asyncio.timeout(delay):
                await self._listen(client)
            ended_s = self._clock.now()
        except TimeoutError:
            failure = "not waited for any longer"
        except ClientError as error:
            failure = str(error)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return StreamRecord(
            began_s=self._began_s,
            sent_s=tuple(self._sent_s),
            arrivals=tuple(self._arrivals),
            ended_s=ended_s,
            failure=failure,
        )

    async def _listen(self, client: Client) -> None:
        async for message in client:
            if isinstance(message, PartialResult | FinalResult):
                self._arrivals.append(Arrival(self._clock.now(), message))

    async def pace(self, client: Client, pcm: bytes) -> None:
        """Send each chunk when it is due, then ask for the rest."""
        for number, start in enumerate(range(0, len(pcm), CHUNK_BYTES), start=1):
            due_s = self._began_s + number * CHUNK_MS / 1000
            if (delay := due_s - self._clock.now()) > 0:
                await asyncio.sleep(delay)
            await client.send_audio(pcm[start : start + CHUNK_BYTES])
            self._sent_s.append(self._clock.now())
        await client.stop()

    async def push(self, client: Client, pcm: bytes) -> None:
        """Send everything, as fast as it is taken."""
        for start in range(0, len(pcm), PUSHED_BYTES):
            await client.send_audio(pcm[start : start + PUSHED_BYTES])
            self._sent_s.append(self._clock.now())
        await client.stop()


async def _speak(
    client: Client, source: Source, began_s: float, clock: _Clock, patience_s: float
) -> StreamRecord:
    notes = _Notes(began_s, clock)
    until_s = source.leaves_s
    if until_s is None:
        until_s = began_s + len(source.pcm) / 2 / SAMPLE_RATE + patience_s
    return await notes.converse(client, lambda: notes.pace(client, source.pcm), until_s)


def _connect(target: Target) -> contextlib.AbstractAsyncContextManager[Client]:
    return connect(
        target.url,
        key=target.key,
        timeout_s=CONNECT_TIMEOUT_S,
        resume=False,  # a connection that is lost under load is what is to be found out
        **target.wishes.fields(),
    )


@contextlib.asynccontextmanager
async def _connected(target: Target, count: int) -> AsyncIterator[list[Client | ClientError]]:
    """Open many sessions; one that was refused is its error. All are closed at the same time."""
    places = asyncio.Semaphore(CONNECTING_AT_ONCE)
    opened: list[contextlib.AbstractAsyncContextManager[Client]] = []

    async def enter() -> Client | ClientError:
        async with places:
            context = _connect(target)
            try:
                client = await context.__aenter__()
            except ClientError as error:
                return error
            opened.append(context)
            return client

    try:
        yield list(await asyncio.gather(*(enter() for _ in range(count))))
    finally:
        closing = (context.__aexit__(None, None, None) for context in opened)
        await asyncio.gather(*closing, return_exceptions=True)
