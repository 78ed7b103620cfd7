"""What one source may take of the event loop, on which everybody's sessions run.

Theory of operation. Work on what comes from a stranger is done in bites of well under a
millisecond, and each is accounted for with what it takes at most on a slow machine: an estimate,
so that no clock decides what is read. Who has taken more than a twentieth of the time since, rests.
Honest media never come near it: an hour of audio at 128 kbit/s is read in 2 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

SHARE = 0.05
"""Of the loop's time, for one source."""
BURST_S = 0.002
"""Of work that may come before the first rest: what opening a source takes."""
OPEN_S = 0.001
"""To connect, with the handshake of TLS, to ask and to read the head of the answer."""
READ_S = 0.0001
"""To read what has come, up to a full buffer, and to pass it on."""
PIECE_S = 0.0002
"""To undo the coding of a full piece, or of so many empty parts as are taken in one bite."""


class Effort:
    """Account for the work of one source. `clock` and `sleep` are those of the loop."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._owed_s = 0.0
        self._at = clock()  # when so much was owed

    async def spend(self, work_s: float) -> None:
        """Note work that was done; let others have their turns, and rest where it was too much."""
        now = self._clock()
        self._owed_s = max(self._owed_s - SHARE * (now - self._at), 0.0) + work_s
        self._at = now
        await self._sleep(max(self._owed_s - BURST_S, 0.0) / SHARE)
