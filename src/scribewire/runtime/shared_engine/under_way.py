"""Calls that an engine process has not answered, and which of them the next process is asked.

A call is a function of its samples, so it can be run again where nobody knows what became of it:
with the process that had it, its answer is lost. It is sent twice at most. What was there when two
processes in a row went may be what ends them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scribewire.runtime.shared_engine.frames import FrameKind
    from scribewire.runtime.workers import Outcome

MAX_SENDINGS: Final = 2


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """What became of a call."""

    outcome: Outcome | None
    """None: it is no result, but what is `told`."""
    told: Mapping[str, object] | None = None
    busy_s: float | None = None
    """How much of a worker's time it took; None: nobody knows."""
    is_given_up: bool = False
    """Whether it was waited for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUnderWay:
    """What was asked, whole, and who is told what becomes of it."""

    kind: FrameKind
    body: bytes
    take: Callable[[LinkAnswer], None]
    patience_s: float
    """How long an answer may take, each time that it is sent."""
    sent_at: float = 0.0
    sendings: int = 0
    """To how many processes it has gone."""


class CallsUnderWay:
    """All of one server, by their numbers. Who has it locks it."""

    def __init__(self) -> None:
        self._calls: dict[int, CallUnderWay] = {}
        self._number = 0

    def put(self, call: CallUnderWay) -> int:
        """Keep a call until it is taken, and return its number."""
        self._number += 1
        self._calls[self._number] = call
        return self._number

    def take(self, number: int) -> CallUnderWay | None:
        """Take a call out; None: it has been answered."""
        return self._calls.pop(number, None)

    def take_all(self) -> list[CallUnderWay]:
        """Take all of them out."""
        calls, self._calls = list(self._calls.values()), {}
        return calls

    def take_hopeless(self) -> list[CallUnderWay]:
        """Take those out that have been sent as often as may be, as their process has gone."""
        return self._take(lambda call: call.sendings >= MAX_SENDINGS)

    def take_overdue(self, now: float, *, heard_at: float) -> list[CallUnderWay]:
        """Take those out to which a process that was last `heard_at` then has said nothing."""
        return self._take(lambda call: max(call.sent_at, heard_at) < now - call.patience_s)

    def note_sent(self, now: float) -> dict[int, CallUnderWay]:
        """Count one more sending of each, and return them: they are to be sent."""
        for number, call in self._calls.items():
            self._calls[number] = replace(call, sent_at=now, sendings=call.sendings + 1)
        return dict(self._calls)

    def _take(self, is_out: Callable[[CallUnderWay], bool]) -> list[CallUnderWay]:
        numbers = [number for number, call in self._calls.items() if is_out(call)]
        return [self._calls.pop(number) for number in numbers]
