"""What a rude client does in a soak, once; each returns how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from bench.soak_verdicts import Rude, told_of
from scribewire.capacity.load import CHUNK_BYTES, CHUNK_MS
from tests.parts.raw_websocket import (
    BINARY,
    START,
    TEXT,
    RawSocket,
    close,
    close_code,
    connect_raw,
    frame,
    upgrade,
)

PATH: Final = "/v2/realtime"
OVERSIZED_BYTES: Final = 2 * 1024 * 1024
RECEIVE_BUFFER_BYTES: Final = 4096  # so that not to read is felt sooner
ASKING: Final = frame(TEXT, b'{"action":"' + b"dance" * 100 + b'"}')  # the answer is as long


class NotLetInError(Exception):
    """The handshake was refused, with this status."""


@dataclass(frozen=True, slots=True)
class RudeClient:
    """One who has a key and does not behave."""

    host: str
    port: int
    key: str = field(repr=False)
    patience_s: float = 240.0
    """For what the server is to end; it gives who does not read two minutes."""
    silent_s: float = 3.0
    """Before one leaves who never says `stop`."""

    async def act(self, rude: Rude, pcm: bytes) -> str:
        """Do it, with this to say where something is said."""
        acts: dict[Rude, Callable[[bytes], Awaitable[str]]] = {
            "drop": self._drop,
            "no stop": self._never_stop,
            "garbage": self._send_garbage,
            "wrong key": self._show_wrong_key,
            "reads nothing": self._read_nothing,
            "oversized": self._send_oversized,
            "half-open": self._send_half,
        }
        try:
            async with asyncio.timeout(self.patience_s):
                return await acts[rude](pcm)
        except TimeoutError:
            return f"nothing came in {self.patience_s:g} s"
        except NotLetInError as error:
            return told_of(f"refused with HTTP {error}")
        except (OSError, asyncio.IncompleteReadError) as error:
            return f"{type(error).__name__}: {error}"

    async def _drop(self, pcm: bytes) -> str:
        async with self._begin() as raw:
            await _speak(raw, pcm[: len(pcm) // 2])
            raw.writer.transport.abort()
        return "left in the middle"

    async def _never_stop(self, pcm: bytes) -> str:
        async with self._begin() as raw:
            await _speak(raw, pcm)
            await asyncio.sleep(self.silent_s)
            await raw.send(close(1000))
            return await _closing_of(raw)

    async def _send_garbage(self, pcm: bytes) -> str:
        async with self._begin() as raw:
            await _speak(raw, pcm[: len(pcm) // 4])
            await raw.send(frame(TEXT, b'{"action":'))
            return await _closing_of(raw)

    async def _show_wrong_key(self, _: bytes) -> str:
        async with connect_raw(self.host, self.port) as raw:
            await raw.send(upgrade(f"{PATH}?token=wrong"))
            return f"HTTP {(await raw.head()).split()[1]}"

    async def _read_nothing(self, _: bytes) -> str:
        async with self._begin(receive_buffer_bytes=RECEIVE_BUFFER_BYTES) as raw:
            with contextlib.suppress(ConnectionError):
                while True:
                    await raw.send(ASKING)
                    await asyncio.sleep(0.01)
        return "cut off"

    async def _send_oversized(self, _: bytes) -> str:
        async with self._begin() as raw:
            raw.writer.write(frame(BINARY, bytes(OVERSIZED_BYTES)))
            return await _closing_of(raw)

    async def _send_half(self, _: bytes) -> str:
        async with connect_raw(self.host, self.port) as raw:
            await raw.send(b"GET /v2/re")
            await raw.until_gone()
        return "cut off"

    @contextlib.asynccontextmanager
    async def _begin(self, *, receive_buffer_bytes: int | None = None) -> AsyncIterator[RawSocket]:
        connecting = connect_raw(self.host, self.port, receive_buffer_bytes=receive_buffer_bytes)
        async with connecting as raw:
            await raw.send(upgrade(f"{PATH}?token={self.key}"))
            status = (await raw.head()).split()[1]
            if status != "101":
                raise NotLetInError(status)
            await raw.send(frame(TEXT, START.encode()))
            yield raw


async def _speak(raw: RawSocket, pcm: bytes) -> None:
    """Say this as it is spoken."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number, start in enumerate(range(0, len(pcm), CHUNK_BYTES), start=1):
        await asyncio.sleep(began_s + number * CHUNK_MS / 1000 - loop.time())
        await raw.send(frame(BINARY, pcm[start : start + CHUNK_BYTES]))


async def _closing_of(raw: RawSocket) -> str:
    return f"closed with {close_code(await raw.until_closed())}"
