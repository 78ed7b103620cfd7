"""Sessions of the server under test for the bench of stream mode: a URL, or the same pushed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from bench.scoring import WordErrors, count_errors
from scribewire.capacity.load import ENGLISH, push
from scribewire.client import Client, ClientError, FinalResult, connect

if TYPE_CHECKING:
    from bench.server_process import BenchServer
    from scribewire.types import Mode

SETTINGS: Final = {
    "SCRIBEWIRE_ALLOW_SOURCE": "127.0.0.1",
    "SCRIBEWIRE_MAX_FINAL_LATENCY_MS": "0",
}
"""Of a server whose sources lie on this machine, and that refuses nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a session gave."""

    finals: tuple[FinalResult, ...]
    states: tuple[str, ...] = ()
    error: str = ""
    listening_at_s: float = 0.0
    """When the server listened to the URL, on the monotonic clock."""

    @property
    def text(self) -> str:
        """Everything that was said."""
        return " ".join(final.text for final in self.finals if final.text)

    def differs_by(self, other: Heard) -> WordErrors:
        """Return the words of `other` that are not the same here."""
        return count_errors(other.text, self.text)

    def is_same_as(self, other: Heard) -> bool:
        """Tell whether words, times, confidences and speakers are the same."""
        return [f for f in self.finals if f.text] == [f for f in other.finals if f.text]


@dataclass(frozen=True, slots=True)
class Cues:
    """What a session and whoever disturbs it tell each other."""

    is_heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first final, or when there will be none."""
    may_stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the other side, to end what does not end by itself."""


async def pull(
    server: BenchServer, url: str, *, mode: Mode = "fast", cues: Cues | None = None
) -> Heard:
    """Let the server hear a URL to its end."""
    cues = cues or Cues()
    finals: list[FinalResult] = []
    states: list[str] = []
    error, listening_at_s = "", 0.0
    try:
        async with connect(
            server.url,
            key=server.key,
            url=url,
            mode=mode,
            language="en",
            partials=False,
            on_state_change=lambda state: states.append(state.value),
        ) as client:
            listening_at_s = time.monotonic()
            await _follow(client, cues, finals)
    except ClientError as failure:
        error = str(failure)
    cues.is_heard.set()
    return Heard(
        finals=tuple(finals), states=tuple(states), error=error, listening_at_s=listening_at_s
    )


async def _follow(client: Client, cues: Cues, finals: list[FinalResult]) -> None:
    stopping = asyncio.create_task(_stop(client, cues.may_stop))
    try:
        async for message in client:
            if isinstance(message, FinalResult):
                finals.append(message)
                cues.is_heard.set()
    finally:
        stopping.cancel()


async def _stop(client: Client, may_stop: asyncio.Event) -> None:
    await may_stop.wait()
    await client.stop()


async def push_pcm(server: BenchServer, pcm: bytes, *, mode: Mode = "fast") -> Heard:
    """Let the server hear the same as pushed audio."""
    target = replace(server.target, wishes=replace(ENGLISH, mode=mode, partials=False))
    record = await push(target, pcm)
    return Heard(finals=record.finals, error=record.failure)
