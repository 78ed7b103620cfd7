"""The results of a session in order, the latest ones kept for whoever attaches next."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault
from scribewire.events import Final
from scribewire.server.digits import write_as_wished
from scribewire.server.session_beginning import FRESH, SessionBeginning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scribewire.events import TranscriptEvent
    from scribewire.journal.entries import SessionOutcome
    from scribewire.protocol.dialogue import Dialogue
    from scribewire.runtime.stream import Stream
    from scribewire.runtime.told import ToldEvents
    from scribewire.server.journal_keeper import Receipt
    from scribewire.server.session import Session
    from scribewire.wishes import Wishes

MAX_KEPT_RESULTS = 64  # for who is a little behind: 16 s of speech at four a second, some 100 KB
ACKNOWLEDGED_EVERY_S = 1.0  # 32 KB of audio: a client holds little more than is under way
MAX_KEPT_FINALS = 512  # where it can be resumed: over half an hour of speech, some 500 KB


@dataclass(frozen=True, slots=True)
class NumberedResult:
    """One result, and its place among those of its session."""

    number: int
    """From 1, without a gap."""
    event: TranscriptEvent
    """In digits if that was asked for."""
    final: int | None = None
    """Its place among the finals, from 1, where these are kept."""


class SessionResults:
    """Takes what a stream brings, when it is asked to: who asks slowly slows the stream down."""

    def __init__(self, stream: Stream, wishes: Wishes) -> None:
        self.last = 0
        """The number of the newest result that was taken."""
        self.last_final = 0
        """That of the newest final, among finals."""
        self.told: ToldEvents | None = None
        """Where it is put for those who read along."""
        self.on_complete: Callable[[], None] | None = None
        """Called once all has been taken; again does no harm."""
        self._stream, self._wishes, self._beginning = stream, wishes, FRESH
        self._latest: deque[NumberedResult] = deque(maxlen=MAX_KEPT_RESULTS)
        self._finals: deque[NumberedResult] | None = None
        # Where finals are written down: they are taken once that has been done.
        self._write_final: Callable[[Final, int], Receipt | None] | None = None
        self._written: NumberedResult | None = None
        self._receipt: Receipt | None = None  # of that one, until it may be told

    def begin_at(self, beginning: SessionBeginning) -> None:
        """Go on with the results of another process, before there is any."""
        self._beginning = beginning
        self.last_final = beginning.final_count

    def keep_finals(self) -> None:
        """Give finals numbers from now on, and keep them to be told again."""
        known = self._beginning.finals
        first = self._beginning.final_count - len(known) + 1
        # Those of before have no place among the results of this process.
        before = (NumberedResult(0, one, number) for number, one in enumerate(known, first))
        self._finals = deque(before, maxlen=MAX_KEPT_FINALS)

    def journal_finals(self, write_final: Callable[[Final, int], Receipt | None]) -> None:
        """Have each final written down, with its number, before anybody takes it."""
        self._write_final = write_final

    @property
    def finals_before(self) -> tuple[Final, ...]:
        """The latest finals of another process that it goes on from."""
        return tuple(one for one in self._beginning.finals if isinstance(one, Final))

    @property
    def have_ended(self) -> bool:
        """Whether none will come any more."""
        return self._stream.has_ended and self._written is None

    @property
    def outcome(self) -> SessionOutcome:
        """How it ended, once its session is closed."""
        if self._stream.has_failed:
            return "failed"
        return "complete" if self._stream.is_complete and self._written is None else "dropped"

    @property
    def heard_samples(self) -> int:
        """How much audio of the session they are of, with what another process has heard."""
        return self._stream.received_samples

    @property
    def kept_finals(self) -> int:
        """How many there are of them."""
        return len(self._finals or ())

    def finals_after(self, final: int) -> tuple[NumberedResult, ...]:
        """Return the finals that are kept and follow the one of this number, among finals."""
        return tuple(one for one in self._finals or () if (one.final or 0) > final)

    def after(self, number: int) -> NumberedResult | None:
        """Return the result that follows the one of this number, or None if there is none yet.

        0 asks for the first. Raises ServerFault once an engine has failed, or when the result is
        too old to have been kept.
        """
        if number == self.last:
            return self._take()
        oldest = self.last + 1 - len(self._latest)
        if not oldest - 1 <= number < self.last:
            raise ServerFault(f"result {number + 1} is not kept: {oldest} to {self.last} are")
        return self._latest[number + 1 - oldest]

    def collect(self) -> None:
        """Take all that there is. Raises ServerFault once an engine has failed."""
        while self._take() is not None:
            pass

    def _take(self) -> NumberedResult | None:
        result = self._written or self._next()
        if result is None and self.on_complete is not None and self._stream.is_complete:
            self.on_complete()
        if result is None or not self._is_written(result):
            return None
        self.last = result.number
        self._latest.append(result)
        if self.told is not None:
            self.told.tell(result.event)
        if isinstance(result.event, Final):
            self.last_final += self._counts_finals
            if self._finals is not None:
                self._finals.append(result)
        return result

    def _next(self) -> NumberedResult | None:
        event = self._stream.next_event()
        while event is not None and event.utterance < self._beginning.told_utterances:
            event = self._stream.next_event()
        if event is None:
            return None
        event = write_as_wished(event, self._wishes)
        is_numbered = self._finals is not None and isinstance(event, Final)
        final = self.last_final + 1 if is_numbered else None
        return NumberedResult(self.last + 1, event, final)

    @property
    def _counts_finals(self) -> bool:
        return self._finals is not None or self._write_final is not None

    def _is_written(self, result: NumberedResult) -> bool:
        """Have a final written down, and tell whether that has been done."""
        if self._written is None:
            if self._write_final is None or not isinstance(result.event, Final):
                return True
            self._receipt = self._write_final(result.event, self.last_final + 1)
        is_written = self._receipt is None or self._receipt.is_settled
        self._written = None if is_written else result
        return is_written


class ToldResults:
    """How far a client has been told of a session: its results, and what of its audio has come.

    `finals_seen` is the number of the last final that it has from earlier connections, 0 for none;
    None: this is the first one. While no audio is taken it hears something every `alive_every_s`.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        wake: Callable[[], None],
        finals_seen: int | None,
        alive_every_s: float,
    ) -> None:
        self._dialogue, self._wake = dialogue, wake
        self._alive_every_s = alive_every_s
        self._finals_seen = finals_seen
        self._missed: deque[NumberedResult] = deque()
        self._last = 0  # the number of the latest that was told
        self._acknowledged_at = -ACKNOWLEDGED_EVERY_S
        self._showing: asyncio.TimerHandle | None = None

    @property
    def is_of_come_back(self) -> bool:
        """Whether the client has been on another connection before."""
        return self._finals_seen is not None

    def begin_behind(self, results: SessionResults) -> None:
        """Tell the finals that it has not seen, and then what is new: partials are history."""
        if not self.is_of_come_back:
            return
        self._missed.extend(results.finals_after(self._finals_seen or 0))
        self._last = results.last

    def acknowledge(self, session: Session, *, now: float) -> None:
        """Tell a client that may come back, now and then, what it need not send again."""
        position = session.position
        if position is not None and now - self._acknowledged_at >= ACKNOWLEDGED_EVERY_S:
            self._acknowledged_at = now
            self._dialogue.send_received(position.received_bytes, session.replay_from_bytes)

    @contextlib.asynccontextmanager
    async def showing_life(self, session: Session) -> AsyncIterator[None]:
        """Tell what has come again and again while a session takes no more audio for now.

        A client that may come back would take a server that says nothing for dead.
        """
        if session.position is None:
            yield
            return
        self._show_life_later(session)
        try:
            yield
        finally:
            if self._showing is not None:
                self._showing.cancel()

    def _show_life_later(self, session: Session) -> None:
        later = asyncio.get_running_loop().call_later
        self._showing = later(self._alive_every_s, self._show_life, session)

    def _show_life(self, session: Session) -> None:
        self._dialogue.send_received(session.received_bytes, session.replay_from_bytes)
        self._wake()
        self._show_life_later(session)

    def send_next(self, results: SessionResults) -> bool:
        """Send the next result, if there is one; return whether there was.

        Raises ServerFault as `SessionResults.after` does.
        """
        if self._dialogue.is_over:
            return False
        if self._missed:
            result: NumberedResult | None = self._missed.popleft()
        else:
            result = results.after(self._last)
        if result is None:
            return False
        self._last = max(self._last, result.number)
        self._dialogue.send_result(result.event, result.final)
        return True
