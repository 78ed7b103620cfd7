"""Whether sessions should be sent to a server, by how many more it would take.

Theory of operation. Who is full at one moment and has one place at the next would be told of by a
balancer as here, gone, here: clients come in a burst, find no place, and are refused. So the sign
turns off as soon as nobody fits, and on again only when several do for some seconds. It keeps
nobody out: a client that comes all the same gets the place that there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

CALM_S: Final = 3.0
"""How long there must be enough room: what a session costs shows after its first words."""
LEAST_ROOM: Final = 2
"""Sessions that must fit, so that the next one does not turn it off again."""
ROOM_SHARE: Final = 0.1
"""Of all that the server carries: a balancer sends a large one many before it asks again."""


class Vacancy:
    """The sign of one server. Whoever looks also brings it up to date: look often."""

    def __init__(self, now: Callable[[], float], *, calm_s: float = CALM_S) -> None:
        self._now = now
        self._calm_s = calm_s
        self._is_on = True
        self._enough_since: float | None = None  # while it is off

    def is_on(self, room: int, *, open_sessions: int) -> bool:
        """Tell whether sessions should come, where `room` more would be let in now."""
        if not room:
            self._is_on, self._enough_since = False, None
        elif not self._is_on:
            self._is_on = self._has_calmed_down(room, open_sessions)
        return self._is_on

    def _has_calmed_down(self, room: int, open_sessions: int) -> bool:
        carried = room + open_sessions
        enough = min(max(LEAST_ROOM, math.ceil(ROOM_SHARE * carried)), carried)
        if room < enough:
            self._enough_since = None
            return False
        now = self._now()
        if self._enough_since is None:
            self._enough_since = now
        return now - self._enough_since >= self._calm_s
