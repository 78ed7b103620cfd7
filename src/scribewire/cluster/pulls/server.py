"""Tells other servers what is heard of a source that this one pulls, while any of them listens.

Theory of operation. Whoever listens says so every two seconds; while nobody has, nothing is told.
To tell is to be one more of those who hear the source here: so it goes on for others when nobody
here hears it any more, and who cannot keep up with it is cut off as any other. Nothing is told once
the lease may be another's.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.cluster.connection import CALL_PATIENCE_S, ClusterFault, translated
from scribewire.cluster.pulls.feed import (
    FeedBody,
    FeedMessage,
    FeedOver,
    FeedReleased,
    FeedState,
    encode,
    pieces_of,
)
from scribewire.cluster.pulls.reader import WANT_EVERY_S, publish, told_subject, want_subject
from scribewire.cluster.tasks import end_task
from scribewire.sources.events import SourceAudio, SourceEvent, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.pacing import LIVE_AHEAD_S, LIVE_SPEED, AudioHold
from scribewire.sources.shared.audience import samples_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from scribewire.cluster.connection import ClusterConnection
    from scribewire.cluster.leases import Lease
    from scribewire.cluster.pulls.steps import ServeFeed
    from scribewire.sources.shared.pulls import Hearing, SharedPull

TELL_EVERY_S = 1.0
"""That it is there: whoever hears nothing for three of them follows it."""
WANTED_FOR_S = 3 * WANT_EVERY_S
MOST_LISTENING = 1_000
"""Servers: what is told of more of them is not believed."""
DRAIN_PATIENCE_S = 5.0
"""For what was heard last to be told, when the source is over."""


class FeedServer:
    """One source, told for as long as `run` does."""

    def __init__(
        self,
        connection: ClusterConnection,
        name: str,
        lease: Lease,
        *,
        serve: ServeFeed,
        shared: SharedPull,
        hosts: Callable[[], tuple[str, ...] | None],
    ) -> None:
        """`hosts` are where the source has led so far; None: to too many to be told."""
        self._connection, self._name, self._lease = connection, name, lease
        self._serve, self._shared, self._hosts = serve, shared, hosts
        self._wanted_at: dict[bytes, float] = {}
        self._is_wanted_anew = asyncio.Event()
        self._hearing: Hearing | None = None
        self._telling: asyncio.Task[None] | None = None
        self._opened: SourceOpened | None = None  # what others were told last, while it is open
        self._at_samples = 0  # on the timeline, where what is told next begins

    @property
    def listening(self) -> int:
        """How many other servers hear it."""
        return len(self._wanted_at)

    async def run(self) -> None:
        """Tell until cancelled; at the end nothing of it is left running."""
        subscribing = asyncio.create_task(self._hear_wants())
        try:
            while True:
                await self._look()
                await self._wait()
        finally:
            try:
                await self._stop_telling()
            finally:  # whoever ends it may have told it again by then
                await end_task(subscribing)

    async def _wait(self) -> None:
        self._is_wanted_anew.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TELL_EVERY_S):
                await self._is_wanted_anew.wait()

    async def drain(self) -> None:
        """Wait a moment until all that was heard is told, once the source is over."""
        if self._telling is not None:
            await asyncio.wait([self._telling], timeout=DRAIN_PATIENCE_S)

    async def conclude(self, fault: SourceFault | None) -> None:
        """Say that the source is over."""
        await self._tell(FeedOver(fault))

    async def refuse(self) -> None:
        """Say that it is everybody's own."""
        await self._tell(FeedState(None, is_for_all=False))

    async def let_go(self) -> None:
        """Say that another server may pull it, once the lease is free."""
        await publish(
            self._connection, told_subject(self._name), encode(self._message(FeedReleased()))
        )

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        listening = {
            server: at for server, at in self._wanted_at.items() if now - at < WANTED_FOR_S
        }
        self._wanted_at = listening
        if not listening:
            await self._stop_telling()
            return
        if self._telling is None:
            hearing = self._hearing = self._shared.join()
            self._at_samples = hearing.seat.position_samples + self._serve.offset_samples
            self._telling = asyncio.create_task(self._tell_events(hearing))
        await self._tell_state()

    async def _tell_state(self) -> None:
        await self._tell(FeedState(self._opened, hosts=self._hosts()))

    async def _tell_events(self, hearing: Hearing) -> None:
        clock = asyncio.get_running_loop().time
        hold = AudioHold(clock(), ahead_s=LIVE_AHEAD_S, speed=LIVE_SPEED)
        heard = self._shared.events(hearing, patience_s=None)
        with contextlib.suppress(SourceFault):  # it is told where it ends
            async with aclosing(heard) as events:
                async for event in events:
                    await _hold_back(event, hold)
                    behind = hearing.seat.position_samples + self._serve.offset_samples
                    self._at_samples = behind - samples_of(event)
                    await self._tell_event(event)

    async def _tell_event(self, event: SourceEvent) -> None:
        if isinstance(event, SourceOpened):  # what was found out here need not be again
            self._opened = replace(event, says_live=True)
            await self._tell_state()
            return
        if isinstance(event, SourceLost):
            self._opened = None
        for piece in pieces_of(event):
            await self._tell(piece)
            self._at_samples += samples_of(piece)

    async def _tell(self, body: FeedBody) -> None:
        if self._lease.is_held:
            data = encode(self._message(body))
            await publish(self._connection, told_subject(self._name), data)

    def _message(self, body: FeedBody) -> FeedMessage:
        return FeedMessage(self._serve.term, self._serve.epoch, self._at_samples, body)

    async def _stop_telling(self) -> None:
        telling, hearing = self._telling, self._hearing
        self._telling = self._hearing = self._opened = None
        if telling is not None and hearing is not None:
            await end_task(telling)
            await self._shared.leave(hearing)  # it may not have begun

    async def _hear_wants(self) -> None:
        while True:
            with contextlib.suppress(ClusterFault), translated():
                subscription = await self._connection.nats.subscribe(
                    want_subject(self._name), cb=self._note_want
                )
                break
            await asyncio.sleep(TELL_EVERY_S)
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(ClusterFault), translated():
                async with asyncio.timeout(CALL_PATIENCE_S):
                    await subscription.unsubscribe()

    async def _note_want(self, message: Msg) -> None:
        server, now = bytes(message.data), asyncio.get_running_loop().time()
        is_new = server not in self._wanted_at
        if is_new and len(self._wanted_at) >= MOST_LISTENING:
            return
        self._wanted_at[server] = now
        if is_new:
            self._is_wanted_anew.set()


async def _hold_back(event: SourceEvent, hold: AudioHold) -> None:
    if isinstance(event, SourceAudio):
        await asyncio.sleep(hold.wait_s(event.seconds, asyncio.get_running_loop().time()))
