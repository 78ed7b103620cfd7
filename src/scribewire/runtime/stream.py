"""One stream: a recognizer, driven with a scheduler's workers from an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from typing import TYPE_CHECKING

from scribewire.errors import ModelFault, ServerFault
from scribewire.events import Final, Partial
from scribewire.recognition.requests import DecodeRequest, StreamRequest
from scribewire.runtime.observer import UNOBSERVED_STREAM, StreamObserver
from scribewire.runtime.stream_clock import StreamClock
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scribewire.engines.protocols import SpeechEngine
    from scribewire.events import TranscriptEvent
    from scribewire.recognition.checkpoint import Checkpoint
    from scribewire.recognition.recognizer import Recognizer
    from scribewire.recognition.requests import Request
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.runtime.workers import Outcome
    from scribewire.types import Samples

MAX_LAG_SAMPLES = 4 * SAMPLE_RATE  # a sentence: more would hide from the client that we lag
MAX_WAITING_EVENTS = 64  # a reader this far behind has stopped reading


class Stream:
    """Feed a recognizer from one task, read its events in another.

    While the model of its engine is being `loading`, it takes audio until it is too far behind. All
    methods belong to the event loop's thread. Call `abort` when the events are no longer
    wanted; after the last event there is nothing left to do.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        scheduler: Scheduler,
        speech: SpeechEngine,
        *,
        loading: asyncio.Future[None] | None = None,
        observer: StreamObserver = UNOBSERVED_STREAM,
    ) -> None:
        self._observer = observer
        self._recognizer = recognizer
        self._scheduler = scheduler
        self._lane = scheduler.open_lane(self._receive, speech=speech)
        again = recognizer.judged_samples - recognizer.received_samples
        self._stream_clock = StreamClock(
            received=recognizer.received_samples, again_s=again / SAMPLE_RATE
        )
        self._now = asyncio.get_running_loop().time
        self._events: deque[TranscriptEvent] = deque()
        self.has_news = asyncio.Event()  # set whenever the reader of the events has to look
        self.has_all_audio = False  # set by `end`
        self._may_write = asyncio.Event()
        self._fault: ServerFault | None = None
        self._is_aborted = False
        self._settled_samples = 0
        self.taken_finals = 0  # as events
        # What only the engine can answer, while its model is being loaded; None once it is there.
        self._waiting: list[tuple[Request, float]] | None = None
        self._timed_from = -math.inf  # of what came before, nobody has waited for workers alone
        if loading is not None:
            self._waiting = []
            loading.add_done_callback(self._receive_engine)

    @property
    def lag_samples(self) -> int:
        """Audio received and not yet decoded."""
        return self._recognizer.lag_samples

    @property
    def settled_samples(self) -> int:
        """Audio that is of no account any more: all its finals have been taken as events.

        While others wait, it ends with the final that was taken last.
        """
        if not any(isinstance(event, Final) for event in self._events):
            self._settled_samples = self._recognizer.settled_samples
        return self._settled_samples

    @property
    def received_samples(self) -> int:
        """Where in the stream the audio ends that was received."""
        return self._stream_clock.received_samples

    @property
    def needed_from(self) -> int:
        """Where in the stream the audio begins that a checkpoint taken now would need again."""
        return self._recognizer.needed_from

    def checkpoint(self) -> Checkpoint | None:
        """Return what another recognizer goes on from, to the finals that were not taken.

        None while others wait to be taken, and where its recognizer has none.
        """
        if any(isinstance(event, Final) for event in self._events):
            return None
        return self._recognizer.checkpoint()

    @property
    def has_failed(self) -> bool:
        """Whether it has ended for a fault of ours."""
        return self._fault is not None

    @property
    def is_complete(self) -> bool:
        """Whether every event up to the last final has been taken."""
        return not self._events and self._recognizer.is_finished

    @property
    def rejected_hypotheses(self) -> int:
        """How many utterances have no text because it was taken for a guess at noise."""
        return self._recognizer.rejected_hypotheses

    async def write(self, samples: Samples) -> None:
        """Add audio, and wait while the stream is too far behind to take more.

        Raises ServerFault once an engine has failed.
        """
        if self._is_live:
            self._receive_audio(samples)
            self._pump()
            await self._may_write.wait()
        if self._fault is not None:
            raise self._fault

    def end_utterance(self) -> None:
        """Say that the audio has broken off; what follows begins a new utterance."""
        self._recognizer.receive_break()
        self._pump()

    def end(self, last: Samples | None = None) -> None:
        """Add the last audio, if any, and say that it is over; the remaining events follow."""
        self.has_all_audio = True
        if last is not None:
            self._receive_audio(last)
        self._recognizer.receive_end()
        self._pump()

    def next_event(self) -> TranscriptEvent | None:
        """Return the next event, or None while there is none; then wait for `has_news`.

        Raises ServerFault once an engine has failed.
        """
        if self._events:
            event = self._events.popleft()
            if isinstance(event, Final):  # no utterance behind it needs what is before its end
                self._settled_samples = max(self._settled_samples, event.end_sample)
                self.taken_finals += 1
            self._pump()
            return event
        if self._fault is not None:
            raise self._fault
        return None

    @property
    def has_ended(self) -> bool:
        """Whether no event will come any more: after the last final, or after `abort`."""
        return not self._events and (self._recognizer.is_finished or self._is_aborted)

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        """Yield every event until the last final after `end`, or until `abort`.

        Raises ServerFault once an engine has failed.
        """
        while True:
            while (event := self.next_event()) is not None:
                yield event
            if self.has_ended:
                return
            self.has_news.clear()
            await self.has_news.wait()

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """Have it count for nothing among the open streams, and wait for them.

        Nobody brings it audio meanwhile, nor waits for its text.
        """
        self._scheduler.set_aside(self._lane)
        self._timed_from = math.inf
        try:
            yield
        finally:
            self._scheduler.take_up(self._lane)
            self._timed_from = self._now()

    def trim(self) -> None:
        """Take no more memory than it needs while no audio comes."""
        self._recognizer.trim()

    def abort(self) -> None:
        """Drop the stream: nothing that has not begun is decoded for it any more."""
        self._is_aborted = True
        self._scheduler.close_lane(self._lane)
        self._wake()

    def _receive_audio(self, samples: Samples) -> None:
        self._stream_clock.receive(len(samples), self._now())
        self._observer.note_audio(len(samples) / SAMPLE_RATE)
        self._recognizer.receive_audio(samples)

    def _pump(self) -> None:
        while self._is_live and (request := self._recognizer.next_request()) is not None:
            self._submit(request)
        while (event := self._recognizer.next_event()) is not None:
            self._events.append(event)
            if isinstance(event, Final):
                self._note_final(event)
            elif isinstance(event, Partial):
                self._observer.note_partial(self._waited_s(event.end_sample))
        self._wake()

    def _submit(self, request: Request) -> None:
        due_at = self._due_at(request)
        if self._waiting is not None and isinstance(request, DecodeRequest | StreamRequest):
            self._waiting.append((request, due_at))
        else:
            self._scheduler.submit(self._lane, request, due_at=due_at)

    def _receive_engine(self, loading: asyncio.Future[None]) -> None:
        """Go on with what has waited for the engine, or fail if it cannot be had."""
        waiting, self._waiting = self._waiting or [], None
        self._timed_from = max(self._timed_from, self._now())
        if not self._is_live:
            return
        if (fault := loading.exception()) is not None:
            assert isinstance(fault, Exception), "nobody cancels it"
            # One of its own: others wait for the same, and each raise adds to a traceback.
            self.fail(type(fault)(*fault.args))
            return
        for request, due_at in waiting:
            self._scheduler.submit(self._lane, request, due_at=due_at)

    def _due_at(self, request: Request) -> float:
        """Return when the audio behind a request is played to one who listens as it is spoken."""
        if isinstance(request, DecodeRequest | StreamRequest):
            return self._stream_clock.due_at(request.end_sample)
        return self._stream_clock.due_at(self._recognizer.judged_samples)

    def _note_final(self, final: Final) -> None:
        latency_s = self._waited_s(final.decided_sample)
        self._observer.note_final(final, latency_s)
        if latency_s is not None:
            self._scheduler.note_final(latency_s)

    def _waited_s(self, position: int) -> float | None:
        """Return how long ago audio came; None where nobody waits for what is made of it."""
        now = self._now()
        arrived_at = self._stream_clock.arrived_at(position)
        if arrived_at is None or self._stream_clock.is_ahead(now):
            return None
        # Before, it was the model that it waited for, or nobody was there.
        return now - arrived_at if arrived_at >= self._timed_from else None

    @property
    def _is_live(self) -> bool:
        return self._fault is None and not self._is_aborted

    def _wake(self) -> None:
        if self._events or not self._is_live or self._recognizer.is_finished:
            self.has_news.set()  # else the reader would find nothing new: most audio says nothing
        is_behind = (
            self._recognizer.lag_samples > MAX_LAG_SAMPLES or len(self._events) > MAX_WAITING_EVENTS
        )
        if is_behind and self._is_live:
            self._may_write.clear()
        else:
            self._may_write.set()

    def _receive(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Exception):
            self.fail(outcome)
            return
        try:
            self._recognizer.receive_result(request, outcome)
            self._pump()
        except Exception as mistake:  # noqa: BLE001 - ours: fail the stream, do not stall it
            self.fail(mistake)

    def fail(self, error: Exception) -> None:
        """End the stream for a fault of ours: who reads or writes it gets a ServerFault.

        A ModelFault stays what it is: another stream may get the model.
        """
        if self._fault is None and isinstance(error, ModelFault):
            self._fault = error
        elif self._fault is None:
            self._fault = ServerFault(f"the stream failed: {type(error).__name__}: {error}")
            self._fault.__cause__ = error
        self.abort()
