"""How a server goes down: what its sessions may still do, and until when.

Theory of operation. There are three steps, each more urgent than the one before, and none is taken
back. Once it has *begun* no session is let in; those that are open are told by when they are cut
off, and go on. When the time for their finals has come, or somebody *hurries*, they end as if
`stop` had come. What has not ended in time, or when somebody *cuts off*, is closed without the
finals. When nobody is left it has ended, whatever the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING, Final

from scribewire.errors import CloseCode
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from scribewire.server.attachment import Attachment

CUT_OFF_S: Final = 1.0  # for the word to go out to those who read

_FINALS_SHARE = 1 / 3
_FINALS_S = 10.0  # all sessions of a full server end at once: a few seconds of every core

_CUT_OFF = "! {count:d} sessions did not end in time"
_GOING_ON = (
    "= draining: {count:d} sessions go on for {seconds:.0f} s at most, then get their finals; "
    "a second signal cuts them off"
)

_log = logging.getLogger("scribewire.server")


class Draining:
    """A server's way down: `taking_down` for whoever owns the server, the rest for anybody."""

    def __init__(self, timeout_s: float, *, unix_time: Callable[[], float] = time.time) -> None:
        self.has_begun = asyncio.Event()
        self.has_ended = asyncio.Event()
        self.at: int | None = None
        """When sessions are cut off, in Unix seconds; None until it has begun."""
        self._timeout_s = timeout_s
        self._unix_time = unix_time
        self._has_told = False  # those who were there
        self._is_hurried = asyncio.Event()
        self._is_cut_off = asyncio.Event()

    def begin(self) -> int:
        """Let nobody in any more, while open sessions go on; return when they are cut off."""
        if self.at is None:
            self.at = math.ceil(self._unix_time() + self._timeout_s)
            self.has_begun.set()
        return self.at

    def hurry(self) -> None:
        """End the sessions now, with their finals."""
        self._is_hurried.set()
        self.begin()

    def cut_off(self) -> None:
        """Wait for nobody any more."""
        self._is_cut_off.set()
        self.hurry()

    def tell(self, attachment: Attachment) -> None:
        """Tell a client that has just come that the server goes down, if the others know it."""
        if self.at is not None and self._has_told:
            attachment.announce_shutdown(self.at)

    @contextlib.asynccontextmanager
    async def taking_down(
        self, attachments: Collection[Attachment], on_begin: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Take the clients through the steps once it has begun; leaving the context hurries it."""
        going = asyncio.create_task(self._go(attachments, on_begin))
        try:
            yield
            self.hurry()
            await going
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)

    async def _go(self, attachments: Collection[Attachment], on_begin: Callable[[], None]) -> None:
        await self.has_begun.wait()
        ends_at = asyncio.get_running_loop().time() + self._timeout_s
        try:
            on_begin()
            self._has_told = True
            for one in list(attachments):
                self.tell(one)
            await self._let_go_on(attachments, ends_at)
            if not self._is_cut_off.is_set():
                for one in list(attachments):
                    one.end(CloseCode.RESTART)
            if not await _wait_for(attachments, until=ends_at, unless=self._is_cut_off):
                await self._cut_off(attachments)
        finally:
            self.has_ended.set()

    async def _let_go_on(self, attachments: Collection[Attachment], ends_at: float) -> None:
        """Wait until the finals are due, or somebody hurries."""
        finals_s = min(_FINALS_S, self._timeout_s * _FINALS_SHARE)
        if attachments and not self._is_hurried.is_set():
            seconds = self._timeout_s - finals_s
            _log.info(LogLine("draining", _GOING_ON, count=len(attachments), seconds=seconds))
            await _wait_for(attachments, until=ends_at - finals_s, unless=self._is_hurried)

    async def _cut_off(self, attachments: Collection[Attachment]) -> None:
        _log.warning(LogLine("cut_off", _CUT_OFF, count=len(attachments)))
        for one in list(attachments):
            one.cut_off(CloseCode.RESTART, at=math.floor(self._unix_time()))
        until = asyncio.get_running_loop().time() + CUT_OFF_S
        await _wait_for(attachments, until=until, unless=asyncio.Event())


async def _wait_for(
    attachments: Collection[Attachment], *, until: float, unless: asyncio.Event
) -> bool:
    """Wait until all attachments have ended, no longer than allowed; return whether they have."""

    async def wait_for_each() -> None:
        while left := [one for one in attachments if not one.has_ended.is_set()]:
            await left[0].has_ended.wait()

    ending, urged = asyncio.create_task(wait_for_each()), asyncio.create_task(unless.wait())
    seconds = max(0.0, until - asyncio.get_running_loop().time())
    await asyncio.wait((ending, urged), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    have_ended = ending.done()
    for task in (ending, urged):
        task.cancel()
    return have_ended
