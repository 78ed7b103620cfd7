"""All that a server on a network may be made to bear, in a process of its own.

`python -m bench.abusers HOST PORT SECONDS SCALE` attacks, and prints what came of it as JSON; the
variable ABUSERS_KEY holds a key that is valid. SCALE 1 is the drill, less is a part of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from bench.flooders import Flood
from bench.side_process import attack_until_input_ends
from tests.parts.raw_websocket import (
    BINARY,
    PING,
    START,
    TEXT,
    RawSocket,
    close_code,
    connect_raw,
    frame,
    upgrade,
)

HALF_OPEN = 2_000
DRIPPING = 200
READERS = 8  # with a session each, and as many without a key
LOUD = 2  # of each of those that send what is too large
CONNECTS_PER_S = 200
WRONG_KEYS_PER_S = 1_000
WRONG_KEYS_FOR_S = 10.0
TICK_S = 0.02
BREAK_S = 5.0  # who holds 2,000 sockets and loses them does not have them back at once
OVERSIZED_BYTES = 2 * 1024 * 1024
BOMB_BYTES = 256 * 1024 * 1024  # unpacked

ASKING = frame(TEXT, b'{"action":"' + b"dance" * 100 + b'"}')  # the answer is as long as any
PATH = "/v2/realtime"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


@dataclass(frozen=True, slots=True)
class Abuse(Flood):
    """A flood that has a key as well."""

    key: str = ""

    async def hold_open(self) -> None:
        """Hold sockets with half a request."""
        await self.endure("half-open", self._send_half, break_s=BREAK_S)

    async def drip(self) -> None:
        """Say a handshake at a byte a second."""
        await self.endure("byte a second", self._drip, break_s=BREAK_S)

    async def read_nothing(self, *, is_keyed: bool) -> None:
        """Ask for answers and read none."""
        name = "reads nothing, keyed" if is_keyed else "reads nothing"
        await self.endure(name, self._ask_keyed if is_keyed else self._ping, break_s=BREAK_S)

    async def send_oversized(self) -> None:
        """Send messages that are too large, in a session."""
        huge = frame(BINARY, bytes(OVERSIZED_BYTES))
        await self._send_again_and_again("oversized", huge)

    async def send_bombs(self, packed: bytes) -> None:
        """Send little that would unpack to much, whether or not that was agreed on."""
        whole = frame(BINARY, packed)
        bomb = bytes([whole[0] | 0x40]) + whole[1:]
        await self._send_again_and_again("deflate bombs", bomb)

    async def connect_often(self, per_s: float) -> None:
        """Connect and leave."""
        await self._at_a_rate("connects", per_s, self._come_and_go, for_s=None)

    async def guess(self, per_s: float) -> None:
        """Show wrong keys."""
        await self._at_a_rate("wrong keys", per_s, self._guess, for_s=WRONG_KEYS_FOR_S)

    # One connection each.

    async def _send_half(self, raw: RawSocket) -> None:
        await raw.send(b"GET /v2/re")
        await raw.until_gone()

    async def _drip(self, raw: RawSocket) -> None:
        for byte in upgrade(PATH):
            await raw.send(bytes([byte]))
            await asyncio.sleep(1.0)

    async def _ping(self, raw: RawSocket) -> None:
        await raw.send(upgrade(PATH))
        await raw.head()
        while not raw.writer.is_closing():
            await raw.send(frame(PING, b"a" * 100))
            await asyncio.sleep(0.1)

    async def _ask_keyed(self, raw: RawSocket) -> None:
        await raw.send(upgrade(f"{PATH}?token={self.key}"))
        await raw.head()
        await raw.send(frame(TEXT, START.encode()))
        while not raw.writer.is_closing():
            await raw.send(ASKING)
            await asyncio.sleep(0.01)

    async def _send_again_and_again(self, name: str, data: bytes) -> None:
        async def attack(raw: RawSocket) -> None:
            await raw.send(upgrade(f"{PATH}?token={self.key}", DEFLATE))
            if "permessage-deflate" in await raw.head():
                self.counts[f"{name}: agreed on"] += 1
            raw.writer.write(frame(TEXT, START.encode()) + data)
            frames = await raw.until_closed()
            self.counts[f"{name}: closed with {close_code(frames)}"] += 1

        await self.endure(name, attack)

    async def _at_a_rate(
        self,
        name: str,
        per_s: float,
        act: Callable[[], Coroutine[None, None, None]],
        *,
        for_s: float | None,
    ) -> None:
        """Act so often, whether or not earlier acts have ended."""
        loop = asyncio.get_running_loop()
        began_at, begun = loop.time(), 0
        async with asyncio.TaskGroup() as group:
            while for_s is None or loop.time() < began_at + for_s:
                due = int((loop.time() - began_at) * per_s)
                for _ in range(due - begun):
                    group.create_task(act())
                begun = max(begun, due)
                self.counts[f"{name}: begun"] = begun
                await asyncio.sleep(TICK_S)

    async def _come_and_go(self) -> None:
        with contextlib.suppress(OSError):
            async with connect_raw(self.host, self.port):
                self.counts["connects: connected"] += 1

    async def _guess(self) -> None:
        answer = "no answer"
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with connect_raw(self.host, self.port) as raw:
                await raw.send(upgrade(f"{PATH}?token=wrong"))
                answer = f"HTTP {(await raw.head()).split()[1]}"
        self.counts[f"wrong keys: {answer}"] += 1


def attack_all(it: Abuse, scale: float) -> list[Coroutine[None, None, None]]:
    """Return every attack there is, each as often as the drill asks for."""
    packing = zlib.compressobj(wbits=-15)
    packed = packing.compress(bytes(BOMB_BYTES)) + packing.flush(zlib.Z_SYNC_FLUSH)

    def times(count: int) -> range:
        return range(max(1, round(count * scale)))

    return [
        *(it.hold_open() for _ in times(HALF_OPEN)),
        *(it.drip() for _ in times(DRIPPING)),
        *(it.read_nothing(is_keyed=is_keyed) for is_keyed in (True, False) for _ in times(READERS)),
        *(it.send_oversized() for _ in times(LOUD)),
        *(it.send_bombs(packed) for _ in times(LOUD)),
        it.guess(WRONG_KEYS_PER_S * scale),
        it.connect_often(CONNECTS_PER_S * scale),
    ]


def allow_many_sockets() -> None:
    """Let this process have as many as the system lets it."""
    import resource  # noqa: PLC0415 - not there on Windows

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    allow_many_sockets()
    _it = Abuse(sys.argv[1], int(sys.argv[2]), key=os.environ["ABUSERS_KEY"])
    _attacks = attack_all(_it, float(sys.argv[4]))
    asyncio.run(attack_until_input_ends(_attacks, _it.counts, seconds=float(sys.argv[3])))
