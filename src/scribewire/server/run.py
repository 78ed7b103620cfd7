"""Bring a server up, and take it down without losing a final."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from scribewire.engines.on_demand import OnDemandEngine, is_resident, load_engine
from scribewire.engines.served import languages_by_model, name_of
from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.models.cache import ModelCache
from scribewire.runtime.admission import CallCosts
from scribewire.runtime.look_up import LookUpThreads
from scribewire.runtime.memory import held_bytes
from scribewire.runtime.observer import together
from scribewire.runtime.residence import CLOSE_PATIENCE_S as LOAD_PATIENCE_S
from scribewire.runtime.scheduler import CLOSE_PATIENCE_S as CALLS_PATIENCE_S
from scribewire.runtime.self_measurement import measure_costs
from scribewire.server.address import address_of, bind, open_port
from scribewire.server.app import make_app
from scribewire.server.certificate import ServerCertificate
from scribewire.server.cluster_membership import (
    LONGEST_LEAVE_S,
    announced,
    keep_cluster,
    keep_shared_journal,
    share_key_places,
    share_pulls,
)
from scribewire.server.draining import CUT_OFF_S, Draining
from scribewire.server.ending import WayDown
from scribewire.server.forwarding import TrustedProxies
from scribewire.server.journal_keeper import LAST_PATIENCE_S as JOURNAL_PATIENCE_S
from scribewire.server.journal_keeper import JournalKeeper, keep_journal
from scribewire.server.key_keeper import LAST_PATIENCE_S, KeyKeeper, keep_keys
from scribewire.server.listener import LONGEST_CLOSE_S, Listener, count_strangers_allowed
from scribewire.server.making import make_services
from scribewire.server.metrics.counters import Counters
from scribewire.server.metrics.page import serving_page
from scribewire.server.readiness import looking_often
from scribewire.server.scheduling import find_engines, make_scheduler
from scribewire.server.services import Services
from scribewire.server.tracing import start_tracing
from scribewire.server.websocket_talk import WebSocketLimits
from scribewire.sources.configured import configured_sources

if TYPE_CHECKING:
    import socket

    from scribewire.cluster.membership import Cluster
    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.observer import Observer
    from scribewire.server.address import Address
    from scribewire.server.siblings import SharedPort
    from scribewire.settings import Settings
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.shared.pulls import SharedPulls

SWITCH_S = 0.000_5
"""How long a thread that computes in Python may keep others from it. An engine call begins and ends
there, many times for one final: at Python's usual 5 ms, finals beside sources that make work came
111 ms later, at this 54 to 87 ms (medians of `bench hostile_bodies`)."""

LONGEST_END_S: Final = (  # the metrics' listener, then the clients'
    CUT_OFF_S
    + 2 * LONGEST_CLOSE_S
    + CALLS_PATIENCE_S
    + LOAD_PATIENCE_S
    + LAST_PATIENCE_S
    + JOURNAL_PATIENCE_S
    + LONGEST_LEAVE_S
)
"""What an orderly end may take beyond the time that sessions have for it."""
_MEASURED = "= model {model}: a typical final takes {final_ms:.0f} ms here"
_OVERHEARD = (
    "! keys and speech come to {url} unencrypted: give it a certificate with --tls-cert, or name "
    "the proxy that does TLS with --forwarded-allow-ips"
)
_log = logging.getLogger("scribewire.server")


def serve(
    settings: Settings,
    *,
    on_listening: Callable[[Address], None],
    shared: SharedPort | None = None,
) -> signal.Signals | None:
    """Serve until a signal or an operator ends it, then end every session with its finals.

    At SIGINT they end at once; at SIGTERM, and where an operator asks, they go on for most of the
    drain timeout. Returns the second signal if there was one: then they were cut off. Models are
    loaded before the port opens. One of several processes has its port `shared` with the others,
    and ends as it is ordered to. Raises ModelFault or ServerFault when the server cannot start.
    """
    engines = find_engines(settings, model_cache(settings))
    for why in engines.missing:
        _log.info(LogLine("not_served", "= not served: {reason}", reason=why))
    try:
        load_first(engines, settings)
        costs = measure_costs(engines)
        log_models(engines)
        for engine, cost in costs.items():
            words, final_ms = _MEASURED, cost.final_s * 1000
            _log.info(LogLine("measured", words, model=name_of(engine), final_ms=final_ms))
        prepare_process()
        return _serve_observed(settings, engines, costs, on_listening, shared)
    finally:
        engines.close()


def _serve_observed(
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts],
    on_listening: Callable[[Address], None],
    shared: SharedPort | None,
) -> signal.Signals | None:
    spans = start_tracing(os.environ)
    serving_all = serve_until_signal(
        settings, engines, costs, on_listening, observer=spans, shared=shared
    )
    try:
        return asyncio.run(serving_all)
    finally:
        if spans is not None:
            spans.close()


class _Kept(NamedTuple):
    """What a server has outside of its process."""

    keys: KeyKeeper
    journal: JournalKeeper | None
    cluster: Cluster | None
    shared_journal: JournalKeeper | None

    def given_to(self, services: Services, pulls: SharedPulls) -> Services:
        """Return a server's parts with these."""
        if self.shared_journal is not None:
            self.shared_journal.on_wanted(services.kept.move_away)
        return replace(
            services,
            pulls=pulls,
            journal=self.journal,
            cluster=self.cluster,
            shared_journal=self.shared_journal,
        )


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts] | None = None,
    *,
    named_source: HttpUrl | None = None,
    draining: Draining | None = None,
    observer: Observer | None = None,
    shared: SharedPort | None = None,
) -> AsyncIterator[tuple[Address, Services]]:
    """Run a server inside the present event loop for as long as the context is open.

    `costs` are what admission goes by until there are streams to measure, `named_source` is a URL
    whose host clients may be told all about, wherever it is; `observer` is told what happens, as
    are the metrics if they are asked for. Leaving the context ends it: sessions are told so and get
    their finals, within the drain timeout. `draining` begins that earlier, and can be urged on.
    The port may be one that is `shared` with other processes.
    """
    async with (
        keep_cluster(settings) as cluster,
        keep_keys(settings) as keys,
        share_key_places(cluster, keys),
        keep_journal(settings) as journal,
        keep_shared_journal(cluster, settings) as shared_journal,
    ):
        running = _serving_with(
            _Kept(keys, journal, cluster, shared_journal),
            settings,
            engines,
            costs or {},
            named_source=named_source,
            draining=draining or draining_of(settings),
            observer=observer,
            shared=shared,
        )
        async with running as (address, services):
            yield address, services


@contextlib.asynccontextmanager
async def _serving_with(
    kept: _Kept,
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts],
    *,
    named_source: HttpUrl | None,
    draining: Draining,
    observer: Observer | None,
    shared: SharedPort | None,
) -> AsyncIterator[tuple[Address, Services]]:
    certificate = _read_certificate(settings)
    listening = _listen(settings, shared)
    address = address_of(listening, is_secure=certificate is not None)
    proxies = TrustedProxies.read(settings.forwarded_allow_ips)
    if address.is_overheard and not proxies.are_elsewhere:
        _log.warning(LogLine("overheard", _OVERHEARD, url=address.url))
    is_counted = settings.metrics_port is not None
    counters = Counters(engines.default_language) if is_counted else None
    observer = together(counters, observer)
    scheduler = make_scheduler(settings, engines, observer)
    async with (
        configured_sources(settings, named=named_source, look_up=LookUpThreads()) as sources,
        share_pulls(kept.cluster, settings) as pulls,
    ):
        services = kept.given_to(
            make_services(
                settings,
                kept.keys,
                engines,
                costs,
                draining,
                scheduler=scheduler,
                sources=sources,
                observer=observer,
            ),
            pulls,
        )
        listener = _make_listener(listening, services, certificate, proxies)
        listener.start(None if shared is None else shared.siblings)
        try:
            async with (
                looking_often(services, tell=listener.tell_room),
                announced(services),
                serving_page(counters, services),
                draining.taking_down(services.attachments, listener.hurry_strangers),
            ):
                yield address, services
        finally:
            await listener.aclose()
            await services.kept.aclose()
            await scheduler.aclose()
            await services.residence.aclose()


def _make_listener(
    listening: socket.socket,
    services: Services,
    certificate: ServerCertificate | None,
    proxies: TrustedProxies,
) -> Listener:
    settings = services.settings
    return Listener(
        listening,
        make_app(services),
        start_timeout_s=settings.start_timeout_ms / 1000,
        most_strangers=count_strangers_allowed(),
        tls=None if certificate is None else certificate.context,
        proxies=proxies,
        limits=_limits_of_clients(settings),
        note_close=services.observer.note_close,
    )


def _listen(settings: Settings, shared: SharedPort | None) -> socket.socket:
    listening = bind(settings.host, settings.port) if shared is None else shared.listening
    open_port(listening, settings.host, settings.port)
    return listening


def _read_certificate(settings: Settings) -> ServerCertificate | None:
    if settings.tls_cert is None:
        if settings.tls_key is not None:
            raise ServerFault("--tls-key without --tls-cert: name the certificate too")
        return None
    return ServerCertificate(settings.tls_cert, settings.tls_key)


def _limits_of_clients(settings: Settings) -> WebSocketLimits:
    return WebSocketLimits(
        max_message_bytes=settings.max_message_bytes,
        max_unread_bytes=settings.max_unread_bytes,
        unread_timeout_s=settings.unread_timeout_ms / 1000,
    )


def model_cache(settings: Settings) -> ModelCache:
    """Return where prepared models are kept; what it does is told in the log."""
    return ModelCache(
        directory=settings.cache_dir,
        on_progress=lambda text: _log.info(LogLine("model_files", "= {text}", text=text)),
        on_warning=lambda text: _log.warning(LogLine("model_files", "! {text}", text=text)),
    )


def load_first(engines: Engines, settings: Settings) -> None:
    """Load the models that are to be in memory before the first client. Raises ModelFault."""
    table = engines.table
    for engine in table.serving if settings.preload else table.default_engines:
        load_engine(engine)


def log_models(engines: Engines) -> None:
    """Say which models serve, and what memory they take."""
    codes = languages_by_model(engines.table)
    for engine in engines.table.serving:
        name = name_of(engine)
        told = ", ".join(codes[name])
        if is_resident(engine):
            line = LogLine("model", "= model {model}: {serves}", model=name, serves=told)
        else:
            more_mb = engine.model.memory_mb if isinstance(engine, OnDemandEngine) else None
            grows = "" if more_mb is None else f", about {more_mb} MB more"
            words = f"= model {{model}}: {{serves}}; loaded when it is needed{grows}"
            line = LogLine("model", words, model=name, serves=told)
        _log.info(line)
    held_mb = held_bytes() / 10**6
    _log.info(LogLine("memory", "= {held_mb:.0f} MB of memory are held", held_mb=held_mb))


async def serve_until_signal(
    settings: Settings,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts],
    on_listening: Callable[[Address], None],
    *,
    observer: Observer | None = None,
    shared: SharedPort | None = None,
) -> signal.Signals | None:
    """As `serve`, with these engines, whose owner closes them; it is alone in its event loop."""
    draining = draining_of(settings)
    ending = WayDown(draining)
    serving_all = serving(
        settings, engines, costs, draining=draining, observer=observer, shared=shared
    )
    async with contextlib.AsyncExitStack() as owned:
        if shared is None:
            ending.obey_signals()
        else:
            await owned.enter_async_context(ending.obeying_orders(shared.orders))
        address, _ = await owned.enter_async_context(serving_all)
        on_listening(address)
        await draining.has_begun.wait()
        _log.info(LogLine("stopping", "= stopping"))
        if shared is not None and not ending.was_told:
            shared.on_drained()
        await draining.has_ended.wait()
    return ending.second_signal


def draining_of(settings: Settings) -> Draining:
    """Return what takes a server down in the time that its operator gives sessions for it."""
    return Draining(settings.drain_timeout_ms / 1000)


def prepare_process() -> None:
    """Make this process fit to serve many sessions, once all that stays has been loaded."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()  # models and modules are no garbage: do not look through them again and again
    with contextlib.suppress(ImportError, OSError, ValueError):  # not a Unix, or forbidden
        import resource  # noqa: PLC0415 - not there on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection is a file
