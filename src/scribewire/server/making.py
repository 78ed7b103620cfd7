"""Makes what every session of a server shares, of what its operator chose."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scribewire.engines.on_demand import OnDemandEngine, is_resident
from scribewire.keys.tokens import Tokens
from scribewire.origins import AllowedOrigins
from scribewire.protocol.policy import ServerPolicy
from scribewire.runtime.admission import NO_COSTS, Admission, CallCosts, assumed_costs
from scribewire.runtime.residence import Residence
from scribewire.server.kept_sessions import KeptSessions
from scribewire.server.services import Services
from scribewire.server.vacancy import Vacancy
from scribewire.server.waiting_room import WaitingRoom
from scribewire.server.wrong_keys import WrongKeys
from scribewire.sources.http.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.observer import Observer
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.server.draining import Draining
    from scribewire.server.key_keeper import KeyKeeper
    from scribewire.settings import Settings
    from scribewire.sources.pulled import Sources


def make_services(
    settings: Settings,
    keys: KeyKeeper,
    engines: Engines,
    costs: Mapping[SpeechEngine, CallCosts],
    draining: Draining,
    *,
    scheduler: Scheduler,
    sources: Sources,
    observer: Observer,
) -> Services:
    """Return one server's parts; `costs` are those of engines that were measured."""
    admission = Admission(
        {engine: costs.get(engine, _assumed(engine)) for engine in engines.speech},
        workers=scheduler.capacity,
        max_final_latency_s=settings.max_final_latency_ms / 1000,
        max_sessions=settings.max_sessions,
    )
    secret = settings.token_secret.encode() if settings.token_secret else keys.token_secret
    tokens = Tokens(keys.ring, secret)
    return Services(
        settings=settings,
        policy=ServerPolicy(
            languages=engines.languages,
            default_language=engines.default_language,
            auto_languages=engines.auto_languages,
            grant_of=tokens.grant_of,
            host_of=host_of,
            start_timeout_ms=settings.start_timeout_ms,
            shape_name=settings.results,
            serves_streams=True,
        ),
        keys=keys,
        tokens=tokens,
        origins=AllowedOrigins(frozenset(settings.allow_origin)),
        wrong_keys=WrongKeys(
            free=settings.max_wrong_keys,
            longest_wait_s=settings.max_wrong_key_wait_ms / 1000,
            now=asyncio.get_running_loop().time,
        ),
        engines=engines,
        scheduler=scheduler,
        admission=admission,
        vacancy=Vacancy(now=asyncio.get_running_loop().time),
        waiting_room=WaitingRoom(  # who waits longer than a start may take is let go of meanwhile
            longest_wait_s=min(settings.place_wait_ms, settings.start_timeout_ms) / 1000
        ),
        residence=Residence(engines, admission.learn),
        sources=sources,
        draining=draining,
        kept=KeptSessions(
            window_s=settings.resume_window_ms / 1000,
            most=settings.max_kept_sessions,
            observer=observer,
        ),
        observer=observer,
    )


def _assumed(engine: SpeechEngine) -> CallCosts:
    """Return what stands for the costs of an engine that have not been measured."""
    if is_resident(engine):
        return NO_COSTS
    assert isinstance(engine, OnDemandEngine)
    of_a_core, least = assumed_costs(engine.model.parameters), assumed_costs(None)
    if of_a_core == least:
        return least
    # An accelerator runs a large model sooner than a core a small one.
    return of_a_core if (engine.traits.device or engine.choose_device()) == "cpu" else least
