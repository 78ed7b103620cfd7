"""Clients with a valid key that find no place, and wait a moment for one.

Theory of operation. Within seconds places come free: a session ends, one that counted as somebody
who speaks without a break turns out to listen, finals of a burst have come. So who finds none is
turned away only when that lasts. Whoever waits longest looks, a few times a second, and those
behind have their turn after that; more than a few dozen do not wait.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from scribewire.runtime.admission import SessionRefusal

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")

LOOK_AGAIN_S = 0.25
MOST_WAITING = 64  # each holds a descriptor; behind so many the wait is in vain


class WaitingRoom:
    """Those who wait have their turns in the order in which they came.

    Whoever comes just when there is a place need not wait here. `longest_wait_s` 0: nobody waits.
    """

    def __init__(
        self,
        *,
        longest_wait_s: float,
        look_again_s: float = LOOK_AGAIN_S,
        most: int = MOST_WAITING,
    ) -> None:
        self._longest_wait_s = longest_wait_s
        self._look_again_s = look_again_s
        self._most = most
        self._waiting = 0
        self._turn = asyncio.Lock()  # given to whoever asked for it first

    def __len__(self) -> int:
        return self._waiting

    async def wait(self, look: Callable[[], Found | SessionRefusal]) -> Found | SessionRefusal:
        """Return what `look` finds that is no refusal, or the refusal that lasted too long.

        Nothing else runs between that look and the return: what was free then still is.
        """
        if not self._longest_wait_s or self._waiting >= self._most:
            return look()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait_s):
                return await self._look_in_turn(look)
        except TimeoutError:
            return look()
        finally:
            self._waiting -= 1

    async def _look_in_turn(self, look: Callable[[], Found | SessionRefusal]) -> Found:
        async with self._turn:
            while isinstance(found := look(), SessionRefusal):  # noqa: ASYNC110 - load sets no Event
                await asyncio.sleep(self._look_again_s)
            return found
