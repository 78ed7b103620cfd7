"""Whether a server should be sent one more session, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from scribewire.engines.on_demand import is_resident
from scribewire.engines.served import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scribewire.server.services import Services

Obstacle = Literal["draining", "loading", "busy"]
"""Going down; a model of those that are loaded at the start is not in memory; no place is left."""

OBSTACLES: tuple[Obstacle, ...] = get_args(Obstacle)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One reason why a session should go elsewhere."""

    obstacle: Obstacle
    message: str
    """For whoever runs the server."""


def find_hindrances(services: Services) -> tuple[Hindrance, ...]:
    """Return why no session should be sent here now; none: it is ready."""
    return tuple(_hindrances(services))


def _hindrances(services: Services) -> Iterator[Hindrance]:
    if services.draining.has_begun.is_set():
        yield Hindrance("draining", "this server is going down")
    table = services.engines.table
    first = table.serving if services.settings.preload else table.default_engines
    absent = [name_of(engine) for engine in first if not is_resident(engine)]
    if absent:
        yield Hindrance("loading", f"not in memory: {', '.join(absent)}")
    loads = services.scheduler.loads()
    refusals = [
        services.admission.refusal(loads, speech=engine) for engine in table.default_engines
    ]
    full = [refusal for refusal in refusals if refusal is not None]
    if len(full) == len(refusals):  # who is sent here may ask for either mode
        yield Hindrance("busy", full[0].message)
