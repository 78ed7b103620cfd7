"""The connection of one server to NATS, for as long as the server lives.

Theory of operation. A server starts, serves and ends whether or not NATS is there: the connection
is made in the background and made again for ever. While it is away every call fails at once, and
none is kept to be made later: what a server shares is about now. Each time it is there again, those
who need something of NATS declare it (a stream, a bucket) before it counts as up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import nats
import nats.errors

from scribewire.cluster.nats_client import LastingClient
from scribewire.cluster.tasks import end_task
from scribewire.cluster.trouble import keeps_out, words_of
from scribewire.errors import ServerFault
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from nats.aio.client import Client
    from nats.js.client import JetStreamContext

CALL_PATIENCE_S: Final = 2.0
"""With one answer of NATS, or of another server over it."""

UNUSABLE_S: Final = 5.0
"""How long NATS may take after its start; if it still refuses what it is asked for that is told."""

_CONNECT_PATIENCE_S = 2
_RETRY_S = 0.5
_LOOK_S = 0.01
_PING_EVERY_S = 2  # two without an answer: it is gone, though nothing has said so
_SCHEMES = ("nats", "tls")
_DEFAULT_PORT = 4222
_UNUSABLE = "! NATS at {where} is there, but what is shared cannot be had of it: {reason}"
_REFUSED = "! NATS at {where} does not let this server in: {reason}"
_AWAY = "the cluster cannot be reached now"

_log = logging.getLogger("scribewire.cluster")


class ClusterFault(ServerFault):
    """What several servers share cannot be had now."""


class ClusterConnection:
    """NATS, as one server uses it. All of it belongs to the event loop's thread.

    `urls` lead to one or more servers of one NATS; `copies` is on how many of them what is stored
    lies. Raises ServerFault for a URL that is none.
    """

    def __init__(self, urls: Sequence[str], *, copies: int = 1) -> None:
        self.server_id: Final = secrets.token_hex(8)
        """Names this run of a server; it is no secret."""
        self.copies: Final = copies
        self.where: Final = ", ".join(_check_url(url) for url in urls)
        """The hosts, for people: no user, no password."""
        self._urls = list(urls)
        self._client = LastingClient()
        self._preparing: list[Callable[[], Awaitable[None]]] = []
        self._prepared = asyncio.Event()
        self._has_told_away = False
        self._trouble = ""
        self._refusals: set[str] = set()  # that have been told since it was up
        self._is_closing = False
        self._connected = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Whether it can be used now."""
        return self._prepared.is_set() and self._client.is_connected

    @property
    def trouble(self) -> str:
        """What stood in the way last, for who runs it."""
        return self._trouble or "it does not answer"

    @property
    def nats(self) -> Client:
        """The client. Raises ClusterFault while NATS is away."""
        if not self._client.is_connected:
            raise ClusterFault(_AWAY)
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """What is stored. Raises ClusterFault while NATS is away."""
        return self.nats.jetstream(timeout=CALL_PATIENCE_S)

    def on_up(self, prepare: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Have something done whenever NATS is there again, before this counts as up.

        What raises is done again a moment later. Subscriptions need none: they last. Returns what
        ends it.
        """
        self._preparing.append(prepare)
        return lambda: self._preparing.remove(prepare)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Be connected, whenever NATS is there, for as long as the context is open."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._is_closing = True
            await end_task(keeping)
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                async with asyncio.timeout(CALL_PATIENCE_S):
                    await self._client.close()

    async def wait_up(self, patience_s: float) -> bool:
        """Wait until it is up, no longer than this; return whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not self.is_up:
                    await self._prepared.wait()
                    await asyncio.sleep(_LOOK_S)  # it is lost a moment before that is told
        return self.is_up

    async def _keep(self) -> None:
        first_words = asyncio.create_task(self._tell_if_not_there())
        try:
            await self._connect()
            while True:
                await self._connected.wait()
                self._connected.clear()
                await self._prepare()
        finally:
            first_words.cancel()

    async def _tell_if_not_there(self) -> None:
        await asyncio.sleep(_CONNECT_PATIENCE_S)
        if not self.is_up:
            self._tell_away()

    async def _connect(self) -> None:
        async def connected() -> None:
            self._connected.set()

        async def disconnected() -> None:
            self._prepared.clear()
            self._tell_away()

        async def failed(error: Exception) -> None:
            _log.debug(LogLine("cluster_error", "= NATS: {error}", error=type(error).__name__))
            self._note_trouble(error)

        while not self._client.is_connected:
            try:
                await self._client.connect(
                    servers=self._urls,
                    name=f"scribewire {self.server_id}",
                    error_cb=failed,
                    disconnected_cb=disconnected,
                    reconnected_cb=connected,
                    connect_timeout=_CONNECT_PATIENCE_S,
                    reconnect_time_wait=_RETRY_S,  # type: ignore[arg-type] # it only sleeps for it
                    max_reconnect_attempts=-1,
                    ping_interval=_PING_EVERY_S,
                    pending_size=0,  # nothing is kept to be sent later
                )
            except (nats.errors.Error, OSError, TimeoutError):
                await asyncio.sleep(_RETRY_S)
        self._connected.set()

    async def _prepare(self) -> None:
        """Have everything declared; again and again while that fails and NATS is there."""
        began_at, has_told = time.monotonic(), False
        while self._client.is_connected and not self._connected.is_set():
            try:
                await self._prepare_each()
            except Exception as fault:  # noqa: BLE001 - ours: else it would never be up again
                self._trouble = words_of(fault.__cause__ or fault)
                is_ours = not isinstance(fault, ClusterFault)
                if not has_told and (is_ours or time.monotonic() - began_at >= UNUSABLE_S):
                    has_told = True
                    self._tell_unusable(fault, is_ours=is_ours)
                await asyncio.sleep(_RETRY_S)
            else:
                self._prepared.set()
                self._tell_back()
                return

    async def _prepare_each(self) -> None:
        with translated():
            for prepare in tuple(self._preparing):
                await prepare()

    def _tell_unusable(self, fault: Exception, *, is_ours: bool) -> None:
        line = LogLine("cluster_unusable", _UNUSABLE, where=self.where, reason=self._trouble)
        _log.warning(line, exc_info=fault if is_ours else None)

    def _note_trouble(self, error: Exception) -> None:
        """Keep it for who asks, and say once what does not pass by itself."""
        self._trouble = words_of(error)
        if keeps_out(error) and self._trouble not in self._refusals:
            self._refusals.add(self._trouble)
            _log.warning(
                LogLine("cluster_refused", _REFUSED, where=self.where, reason=self._trouble)
            )

    def _tell_away(self) -> None:
        if not self._has_told_away and not self._is_closing:
            words = "! NATS at {where} is away: sessions go on, what is shared waits for it"
            _log.warning(LogLine("cluster_away", words, where=self.where))
        self._has_told_away = True

    def _tell_back(self) -> None:
        if self._has_told_away:
            _log.warning(LogLine("cluster_back", "= NATS at {where} is back", where=self.where))
        else:
            words = "= one of a cluster as {server}, on NATS at {where}"
            _log.info(LogLine("cluster_joined", words, server=self.server_id, where=self.where))
        self._has_told_away = False
        self._refusals.clear()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Let what fails of NATS be a ClusterFault that tells clients nothing of where it is."""
    try:
        yield
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise ClusterFault(f"{_AWAY} ({type(error).__name__})") from error


def _check_url(url: str) -> str:
    """Return the host and port of a URL. Raises ServerFault, which does not repeat it."""
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port or _DEFAULT_PORT
    except ValueError:
        host, split = None, urlsplit("")
    if split.scheme not in _SCHEMES or not host:
        raise ServerFault("--cluster: expected nats://HOST:PORT or tls://HOST:PORT")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
