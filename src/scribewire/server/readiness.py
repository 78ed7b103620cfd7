"""How many more sessions a server would take, whether it should be sent one, and if not, why."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from scribewire.engines.on_demand import is_resident

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from scribewire.server.services import Services

LOOK_AGAIN_S: Final = 1.0
"""How often a server looks by itself, so that nobody need ask it often."""

Obstacle = Literal["draining", "loading", "away", "busy"]
"""Going down; a model of those that are loaded at the start is not in memory; the engine process
that has the models is not there; no place is left, or was none a moment ago."""

_FULL = "no place is left"
_RECENTLY_FULL = "no place was left a moment ago"

OBSTACLES: tuple[Obstacle, ...] = get_args(Obstacle)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One reason why a session should go elsewhere."""

    obstacle: Obstacle
    message: str
    """For people. Anybody may ask: it names no model, no limit and no other server."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a server can take at one moment, its room counted once."""

    room: int
    """As `count_room`."""
    hindrances: tuple[Hindrance, ...]
    """As `find_hindrances`."""


def look_out(services: Services) -> Outlook:
    """Return both what could come and why nothing should, where both are asked for."""
    room = count_room(services)
    return Outlook(room, tuple(_hindrances(services, room)))


def find_hindrances(services: Services) -> tuple[Hindrance, ...]:
    """Return why no session should be sent here now; none: it is ready."""
    return look_out(services).hindrances


def count_room(services: Services) -> int:
    """Return how many more sessions of the default language would be let in now.

    Who comes may ask for either mode: it is of the one that more fit of.
    """
    if services.draining.has_begun.is_set() or services.engines.why_away is not None:
        return 0
    loads, engines = services.scheduler.loads(), services.engines.table.default_engines
    return max(services.admission.room(loads, speech=engine) for engine in engines)


@contextlib.asynccontextmanager
async def looking_often(
    services: Services, *, tell: Callable[[int], None] = lambda _: None
) -> AsyncIterator[None]:
    """Keep the server's sign up to date for as long as the context is open.

    `tell` is told each time how many more sessions would be let in.
    """

    def look() -> None:
        room = count_room(services)
        _is_on(services, room)
        tell(room)

    async def go_on_looking() -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            look()

    look()
    looking = asyncio.create_task(go_on_looking())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _hindrances(services: Services, room: int) -> Iterator[Hindrance]:
    if services.draining.has_begun.is_set():
        yield Hindrance("draining", "this server is going down")
    table = services.engines.table
    first = table.serving if services.settings.preload else table.default_engines
    if not all(is_resident(engine) for engine in first):
        yield Hindrance("loading", "a model that is loaded at the start is not in memory")
    if services.engines.why_away is not None:
        yield Hindrance("away", "the models cannot be asked at this moment")
    if not _is_on(services, room) and not services.draining.has_begun.is_set():
        yield Hindrance("busy", _RECENTLY_FULL if room else _FULL)


def _is_on(services: Services, room: int) -> bool:
    return services.vacancy.is_on(room, open_sessions=services.admission.open_sessions)
