"""Hears what another server tells of a source that it pulls."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from scribewire.cluster.connection import CALL_PATIENCE_S, ClusterFault, translated
from scribewire.cluster.pulls.feed import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from scribewire.cluster.connection import ClusterConnection
    from scribewire.cluster.pulls.feed import FeedMessage

WANT_EVERY_S = 2.0
"""The owner tells nothing to who has not said for three of them that it listens."""
FIRST_WANTS_S = 0.05
"""The owner may be about to listen for wants: until it has told something, they are repeated after
this, and twice as long each time."""
MOST_WAITING_BYTES = 4_000_000
"""Of messages that were not taken: two minutes of audio."""


def told_subject(name: str) -> str:
    """Return where the owner of a source tells what it hears."""
    return f"scribewire.pull.{name}.told"


def want_subject(name: str) -> str:
    """Return where others say that they listen."""
    return f"scribewire.pull.{name}.want"


class FeedReader:
    """One source, heard for as long as `run` does."""

    def __init__(
        self, connection: ClusterConnection, name: str, on_message: Callable[[FeedMessage], None]
    ) -> None:
        self._connection, self._name, self._on_message = connection, name, on_message
        self._wait_s = FIRST_WANTS_S

    async def run(self) -> None:
        """Listen, and say so, until cancelled; while NATS is away nothing comes."""
        while True:
            with contextlib.suppress(ClusterFault), translated():
                subscription = await self._connection.nats.subscribe(
                    told_subject(self._name),
                    cb=self._receive,
                    pending_bytes_limit=MOST_WAITING_BYTES,
                )
                break
            await asyncio.sleep(WANT_EVERY_S)
        try:
            while True:
                await publish(self._connection, want_subject(self._name), self._server)
                await asyncio.sleep(self._wait_s)
                self._wait_s = min(2 * self._wait_s, WANT_EVERY_S)
        finally:
            with contextlib.suppress(ClusterFault), translated():
                async with asyncio.timeout(CALL_PATIENCE_S):
                    await subscription.unsubscribe()

    @property
    def _server(self) -> bytes:
        return self._connection.server_id.encode()

    async def _receive(self, message: Msg) -> None:
        found = decode(message.data)
        if found is not None:
            self._wait_s = WANT_EVERY_S
            self._on_message(found)


async def publish(connection: ClusterConnection, subject: str, data: bytes) -> None:
    """Tell who listens; while NATS is away nobody does."""
    with contextlib.suppress(ClusterFault), translated():
        async with asyncio.timeout(CALL_PATIENCE_S):
            await connection.nats.publish(subject, data)
