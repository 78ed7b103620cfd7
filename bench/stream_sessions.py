"""Sessions of the server under test for the bench of stream mode: a URL, or the same pushed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bench.scoring import WordErrors, count_errors
from scribewire.capacity.load import ENGLISH, push
from scribewire.client import ClientError, ConnectionState, FinalResult, connect

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


async def pull(server: BenchServer, url: str, *, mode: Mode = "fast") -> Heard:
    """Let the server hear a URL to its end."""
    finals: list[FinalResult] = []
    states: list[str] = []

    def note(state: ConnectionState) -> None:
        states.append(state.value)

    try:
        async with connect(
            server.url,
            key=server.key,
            url=url,
            mode=mode,
            language="en",
            partials=False,
            on_state_change=note,
        ) as client:
            async for message in client:
                if isinstance(message, FinalResult):
                    finals.append(message)  # noqa: PERF401 - kept when the session fails
    except ClientError as error:
        return Heard(finals=tuple(finals), states=tuple(states), error=str(error))
    return Heard(finals=tuple(finals), states=tuple(states))


async def push_pcm(server: BenchServer, pcm: bytes, *, mode: Mode = "fast") -> Heard:
    """Let the server hear the same as pushed audio."""
    target = replace(server.target, wishes=replace(ENGLISH, mode=mode, partials=False))
    record = await push(target, pcm)
    return Heard(finals=record.finals, error=record.failure)
