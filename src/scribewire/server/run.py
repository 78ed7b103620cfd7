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
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.engines.loader import load_engines
from scribewire.errors import CloseCode, ServerFault
from scribewire.keys.configured import ConfiguredKeys
from scribewire.models.cache import ModelCache
from scribewire.protocol.policy import ServerPolicy
from scribewire.runtime.admission import Admission, CallCosts
from scribewire.runtime.look_up import LookUpThreads
from scribewire.runtime.self_measurement import measure_costs
from scribewire.runtime.threads import schedule_on_threads
from scribewire.server.app import make_app
from scribewire.server.listener import Listener, count_strangers_allowed
from scribewire.server.services import Services
from scribewire.sources.configured import configured_sources

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.settings import Settings
    from scribewire.sources.pulled import Sources

RECEIVE_BUFFER_BYTES = 65_536  # 2 s of audio; the system takes twice as much

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
    listening = _listen(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    scheduler = schedule_on_threads(engines, workers=settings.workers)
    async with configured_sources(settings, look_up=LookUpThreads()) as sources:
        services = _make_services(settings, engines, costs or {}, scheduler, sources)
        listener = Listener(
            listening,
            make_app(services),
            start_timeout_s=settings.start_timeout_ms / 1000,
            most_strangers=count_strangers_allowed(),
        )
        listener.start()
        try:
            yield Address(host, port), services
            listener.hurry()
            await _drain(services, unix_time())
        finally:
            await listener.aclose()
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
            shape_name=settings.results,
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
        listening = socket.create_server((host, port), family=family, backlog=512)
        # Connections inherit it. What the system buffers by itself, megabytes, would hide from
        # clients for minutes that they are slowed down, and from us that they have left.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        return listening
    except OSError as error:
        raise ServerFault(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "stop what listens there or choose another --port"
        ) from error
