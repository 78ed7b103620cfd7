"""Where the engines of a server are, and who runs its calls: by its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.engines.loader import configured_engines
from scribewire.engines.on_demand import may_batch
from scribewire.runtime.threads import count_workers, schedule_on_threads

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.models.cache import ModelCache
    from scribewire.runtime.observer import Observer
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.settings import Settings


def find_engines(settings: Settings, cache: ModelCache) -> Engines:
    """Return the engines of this process, or those of the engine process that it shares.

    Raises ModelFault, and ServerFault where there is no such process.
    """
    if settings.engine_socket is None:
        return configured_engines(settings, cache, threads=count_workers(settings.workers))
    # Who shares no engines does not load what it takes.
    from scribewire.runtime.shared_engine.engines import shared_engines  # noqa: PLC0415
    from scribewire.runtime.shared_engine.link import EngineLink  # noqa: PLC0415

    return shared_engines(settings, cache, EngineLink(settings.engine_socket))


def make_scheduler(settings: Settings, engines: Engines, observer: Observer) -> Scheduler:
    """Return a scheduler whose workers have begun; close it before the engines."""
    if settings.engine_socket is not None:
        return _shared_scheduler(engines, observer)
    is_batched = any(may_batch(engine) for engine in engines.table.serving)
    return schedule_on_threads(
        engines,
        workers=settings.workers,
        batch_window_s=settings.batch_window_ms / 1000 if is_batched else None,
        observer=observer,
    )


def _shared_scheduler(engines: Engines, observer: Observer) -> Scheduler:
    from scribewire.runtime.shared_engine.engines import SharedEngines  # noqa: PLC0415
    from scribewire.runtime.shared_engine.workers import SharedWorkers  # noqa: PLC0415

    assert isinstance(engines, SharedEngines), "they come from `find_engines`"
    return schedule_on_threads(engines, decoders=SharedWorkers(engines.link), observer=observer)
