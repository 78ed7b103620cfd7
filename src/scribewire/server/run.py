"""Bring a server up, and take it down without losing a final."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import math
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from scribewire.engines.loader import load_engines
from scribewire.errors import CloseCode, ServerFault
from scribewire.keys.configured import ConfiguredKeys
from scribewire.models.cache import ModelCache
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES
from scribewire.runtime.admission import Admission, CallCosts
from scribewire.runtime.look_up import LookUpThreads
from scribewire.runtime.self_measurement import measure_costs
from scribewire.runtime.threads import schedule_on_threads
from scribewire.server.app import make_app
from scribewire.server.patience import impatient_http
from scribewire.server.services import Services
from scribewire.sources.configured import configured_sources

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.settings import Settings
    from scribewire.sources.pulled import Sources

PING_INTERVAL_S = 20.0  # shorter than the idle limit of any proxy in common use
PING_TIMEOUT_S = 300.0  # a client that is being slowed down answers late, behind its own audio

RECEIVE_BUFFER_BYTES = 65_536  # 2 s of audio; the system takes twice as much

_NO_NEWS = ("without completing handshake", "Invalid UTF-8 sequence received")

_log = logging.getLogger("scribewire.server")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base address for clients, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}"


def serve(settings: Settings, *, on_listening: Callable[[Address], None]) -> None:
    """Serve until SIGINT or SIGTERM, then end every session with its finals.

    Models are loaded before the port opens. Raises ModelFault or ServerFault when the server
    cannot start.
    """
    engines = load_engines(
        settings.model_dir, _model_cache(settings), speaker_model=settings.speaker_model
    )
    try:
        costs = measure_costs(engines)
        for engine, cost in costs.items():
            languages = ", ".join(sorted(engine.traits.languages))
            _log.info("= a typical final takes %.0f ms here (%s)", cost.final_s * 1000, languages)
        prepare_process()
        asyncio.run(_serve_until_signal(settings, engines, costs, on_listening))
    finally:
        engines.close()


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts] | None = None,
    *,
    unix_time: Callable[[], float] = time.time,
) -> AsyncIterator[tuple[Address, Services]]:
    """Run a server inside the present event loop for as long as the context is open.

    `costs` are what admission goes by until there are streams to measure. Leaving the context
    drains it: sessions are told so and get their finals, within the drain timeout.
    """
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    scheduler = schedule_on_threads(engines, workers=settings.workers)
    async with configured_sources(settings, look_up=LookUpThreads()) as sources:
        services = _make_services(settings, engines, costs or {}, scheduler, sources)
        server = _Uvicorn(_configure(services))
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.has_started.wait()
            yield Address(host, port), services
            await _drain(services, unix_time())
        finally:
            server.may_end.set()
            await task
            await scheduler.aclose()


def _make_services(
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts],
    scheduler: Scheduler,
    sources: Sources,
) -> Services:
    return Services(
        settings=settings,
        policy=ServerPolicy(
            languages=engines.languages,
            default_language=engines.default_language,
            is_valid_key=ConfiguredKeys(settings.keys).is_valid,
            start_timeout_ms=settings.start_timeout_ms,
            serves_streams=True,
        ),
        engines=engines,
        scheduler=scheduler,
        admission=Admission(
            costs,
            workers=scheduler.capacity,
            max_final_latency_s=settings.max_final_latency_ms / 1000,
            max_sessions=settings.max_sessions,
        ),
        sources=sources,
    )


def _model_cache(settings: Settings) -> ModelCache:
    return ModelCache(
        directory=settings.cache_dir,
        on_progress=lambda text: _log.info("= %s", text),
        on_warning=lambda text: _log.warning("! %s", text),
    )


async def _serve_until_signal(
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts],
    on_listening: Callable[[Address], None],
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings, engines, costs) as (address, _):
        on_listening(address)
        await stop.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            # A second one ends the process at once. Not with Python's own KeyboardInterrupt: that
            # unwinds under running engine threads, which aborts the process with a core dump.
            signal.signal(number, signal.SIG_DFL)
        _log.info("= stopping")


def prepare_process() -> None:
    """Make this process fit to serve many sessions, once all that stays has been loaded."""
    gc.collect()
    gc.freeze()  # models and modules are no garbage: do not look through them again and again
    with contextlib.suppress(ImportError, OSError, ValueError):  # not a Unix, or forbidden
        import resource  # noqa: PLC0415 - not there on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection is a file


async def _drain(services: Services, unix_s: float) -> None:
    """Refuse new sessions, and let the open ones say that it ends and send what they owe."""
    services.draining.set()
    attachments = list(services.attachments)
    if not attachments:
        return
    timeout_s = services.settings.drain_timeout_ms / 1000
    for attachment in attachments:
        attachment.announce_shutdown(math.ceil(unix_s + timeout_s))
        attachment.end(CloseCode.RESTART)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*(attachment.has_ended.wait() for attachment in attachments))
    except TimeoutError:
        _log.warning("! %d sessions did not end in time", len(services.attachments))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
        # Connections inherit it. What the system buffers by itself, megabytes, would hide from
        # clients for minutes that they are slowed down, and from us that they have left.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        return listener
    except OSError as error:
        raise ServerFault(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "stop what listens there or choose another --port"
        ) from error


def _configure(services: Services) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(services),
        http=impatient_http(services.settings.start_timeout_ms / 1000),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # PCM does not deflate, and inflating is an attack surface
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_TIMEOUT_S,
        access_log=False,  # its lines hold the query string, and so the key
        log_config=None,
        log_level="warning",  # the handshake line at `info` holds it too
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Drop what uvicorn reports as its own error, and is none.

    A handshake that was refused, as it should be: uvicorn 0.54 takes a denial response for a
    missing answer. Text that is not UTF-8: the client's fault, which gets its close and here a
    traceback. A session that was cut off because it did not end in time: `_drain` has said so.
    Each to be removed when uvicorn no longer does it.
    """
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    message = record.getMessage()
    return not any(words in message for words in _NO_NEWS)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers and its tenths of a second, and with a sign that it runs.

    It looks ten times a second whether to end, and then waits once more, whoever is connected.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()
        self.may_end = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.has_started.set()

    async def main_loop(self) -> None:
        tasks = [asyncio.create_task(wait) for wait in (super().main_loop(), self.may_end.wait())]
        ended, ticking = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ticking:
            task.cancel()
        for task in ended:
            task.result()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets=sockets)
            return
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
