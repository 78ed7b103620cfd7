"""Clients without a key that do all they can, in a process of their own.

`python -m bench.flooders HOST PORT SECONDS` floods, prints what came of it as JSON, and ends;
sooner when its standard input ends. Each connection that is closed is made again after a break.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from bench.side_process import attack_until_input_ends
from tests.parts.raw_websocket import (
    CONTINUATION,
    PING,
    TEXT,
    RawSocket,
    connect_raw,
    frame,
    upgrade,
)

KEYLESS = "/v2/realtime"
SMALL_BUFFER_BYTES = 4_096  # a client that does not read is felt sooner
BREAK_S = 0.1
FRAMES = 100  # in one sending
KEYLESS_INTERVAL_S = 0.5  # two a second
ANSWER_S = 20.0  # longer than the server waits for anything

LONG_LINE = upgrade(f"{KEYLESS}?token={'a' * 100_000}")
LONG_HEADS = (
    LONG_LINE,
    upgrade(KEYLESS, *(f"X-{number}: y" for number in range(200))),
    upgrade(KEYLESS, "Content-Length: 5"),
    upgrade(KEYLESS)[:-2],
)


@dataclass(frozen=True, slots=True)
class Flood:
    """Where it goes, and what has come of it."""

    host: str
    port: int
    counts: Counter[str] = field(default_factory=Counter)

    async def endure(
        self,
        name: str,
        attack: Callable[[RawSocket], Awaitable[None]],
        *,
        break_s: float = BREAK_S,
    ) -> None:
        """Attack over one connection after another."""
        while True:
            self.counts[f"{name}: connections"] += 1
            try:
                connecting = connect_raw(
                    self.host, self.port, receive_buffer_bytes=SMALL_BUFFER_BYTES
                )
                async with connecting as raw:
                    await attack(raw)
                    self.counts[f"{name}: closed by the server"] += 1
            except (ConnectionError, asyncio.IncompleteReadError):
                self.counts[f"{name}: closed by the server"] += 1
            except TimeoutError:
                self.counts[f"{name}: not answered"] += 1
            await asyncio.sleep(break_s)

    async def repeat(self, name: str, data: bytes, *, first: bytes = b"") -> None:
        """Open WebSockets and send the same again and again, reading nothing."""

        async def attack(raw: RawSocket) -> None:
            await raw.send(upgrade(KEYLESS))
            if " 101 " not in await raw.head():
                return
            await raw.send(first)
            while True:
                await raw.send(data)
                await asyncio.sleep(0)  # what was taken at once let nobody else have a turn
                if raw.writer.is_closing():
                    return
                self.counts[f"{name}: frames"] += FRAMES

        await self.endure(name, attack)

    async def wait_with(self, name: str, data: bytes) -> None:
        """Send this and wait for what comes."""

        async def attack(raw: RawSocket) -> None:
            raw.writer.write(data)
            async with asyncio.timeout(ANSWER_S):
                await raw.until_gone()

        await self.endure(name, attack)

    async def knock(self) -> None:
        """Open WebSockets without a key, twice a second, and keep them."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._keep())
                await asyncio.sleep(KEYLESS_INTERVAL_S)

    async def _keep(self) -> None:
        self.counts["keyless: connections"] += 1
        with contextlib.suppress(ConnectionError):
            async with connect_raw(self.host, self.port) as raw:
                await raw.send(upgrade(KEYLESS))
                await raw.until_gone()
                self.counts["keyless: closed by the server"] += 1


def attack_all(it: Flood) -> list[Coroutine[None, None, None]]:
    """Return every attack there is, each as often as it takes."""
    pings, objects = frame(PING, b"a" * 100) * FRAMES, frame(TEXT, b"{}") * FRAMES
    fragments = frame(CONTINUATION, is_last=False) * FRAMES
    attacks = [it.knock()]
    for _ in range(5):
        attacks.append(it.repeat("pings", pings))
        attacks.append(it.repeat("empty fragments", fragments, first=frame(TEXT, is_last=False)))
        attacks.append(it.repeat("empty objects", objects))
    attacks += [it.wait_with("heads", head) for head in LONG_HEADS for _ in range(10)]
    attacks += [it.wait_with("half-open", b"GET /v2/re") for _ in range(200)]
    return attacks


if __name__ == "__main__":
    _it = Flood(sys.argv[1], int(sys.argv[2]))
    asyncio.run(attack_until_input_ends(attack_all(_it), _it.counts, seconds=float(sys.argv[3])))
