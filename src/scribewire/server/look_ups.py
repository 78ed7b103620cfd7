"""Look-ups in journals that many may want at once, of which one is enough.

Theory of operation. Reading a long session takes a tenth of a second of the event loop. All who
read along a session that nobody carries look for it every second, and may be a hundred: who comes
while it is being looked up, or just after, is given what was found then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from scribewire.journal.reader import JournaledSession

KEPT_S: Final = 1.0
"""How long what was found is given to others; that there is nothing is not."""


class SharedLookUps:
    """Those of one server. For the event loop's thread."""

    def __init__(self, *, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._made: dict[str, asyncio.Task[JournaledSession | None]] = {}

    async def find(
        self, session_id: str, look: Callable[[], Coroutine[None, None, JournaledSession | None]]
    ) -> JournaledSession | None:
        """Return what `look` finds, or has found a moment ago; None: nothing.

        Raises what it raises. It goes on where whoever waits for it is cancelled.
        """
        made = self._made.get(session_id)
        if made is None:
            made = self._made[session_id] = asyncio.create_task(look())
            made.add_done_callback(lambda done: self._keep(session_id, done))
        return await asyncio.shield(made)

    def _keep(self, session_id: str, made: asyncio.Task[JournaledSession | None]) -> None:
        has_found = not made.cancelled() and made.exception() is None and made.result() is not None
        if has_found:
            loop = asyncio.get_running_loop()
            loop.call_later(self._kept_s, self._made.pop, session_id, None)
        else:
            del self._made[session_id]
