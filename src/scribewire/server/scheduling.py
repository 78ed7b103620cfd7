"""Who runs the engine calls of a server, by its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.engines.on_demand import may_batch
from scribewire.runtime.threads import schedule_on_threads

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.runtime.observer import Observer
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.settings import Settings


def make_scheduler(settings: Settings, engines: Engines, observer: Observer) -> Scheduler:
    """Return a scheduler whose workers have begun; close it before the engines."""
    is_batched = any(may_batch(engine) for engine in engines.table.serving)
    return schedule_on_threads(
        engines,
        workers=settings.workers,
        batch_window_s=settings.batch_window_ms / 1000 if is_batched else None,
        observer=observer,
    )
