"""Partials of an engine that decodes a stream: it is given what is new, and its own state.

Theory of operation. The requests of one utterance go on where the last one that was run has ended,
so one is asked at a time. While it waits, audio piles up; all of it is in the next one. One that
was dropped has changed no state: the next holds its audio too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.recognition.partials import AWAITED_SAMPLES, EARLY_SAMPLES
from scribewire.recognition.question import Question
from scribewire.recognition.requests import StreamRequest, StreamResult

if TYPE_CHECKING:
    from scribewire.recognition.audio_buffer import AudioBuffer
    from scribewire.recognition.requests import (
        DecodeRequest,
        Hypothesis,
        PartialAnswer,
        PartialRequest,
    )
    from scribewire.recognition.rules import RecognizerRules


class StreamPartials:
    """A `PartialStrategy` of one stream, each decoded from where the one before it ended."""

    def __init__(self, rules: RecognizerRules, buffer: AudioBuffer) -> None:
        self._rules = rules
        self._buffer = buffer
        self._asked = Question[StreamRequest]()
        self._utterance = -1  # the open one
        self._speech_start = 0
        self._end = 0  # up to where it has been decoded
        self._asked_end = 0  # up to where the latest request goes, dropped or not
        self._state: bytes | None = None  # of the engine, there

    def begin(self, utterance: int, start: int, speech_start: int) -> None:
        """Say that an utterance has begun: its number, where its audio does and its speech."""
        self._utterance, self._speech_start = utterance, speech_start
        self._end = self._asked_end = start
        self._state = None

    def due_at(self, judged: int, *, has_shown: bool) -> int | None:
        """Return from which sample on a partial may be asked for; None: not before an answer."""
        interval = self._rules.partial_interval_samples
        if interval is None or self._asked.is_open:
            return None
        if not has_shown and judged < self._speech_start + EARLY_SAMPLES:
            interval = self._rules.retry_samples
        first = self._speech_start + self._rules.first_partial_samples
        return max(first, self._asked_end + interval)

    def next_request(self, judged: int, *, has_shown: bool) -> StreamRequest | None:
        """Return the next request for the open utterance, if one is due at sample `judged`."""
        due = self.due_at(judged, has_shown=has_shown)
        if due is None or judged < due:
            return None
        self._asked_end = judged
        is_new = judged < self._speech_start + AWAITED_SAMPLES
        request = StreamRequest(
            utterance=self._utterance,
            samples=self._buffer.read(self._end, judged),
            end_sample=judged,
            state=self._state,
            is_awaited=is_new and not has_shown,
        )
        return self._asked.ask(request)

    def receive_result(self, request: PartialRequest, result: PartialAnswer) -> Hypothesis | None:
        """Take the answer to a request; return all that the open utterance says.

        None when it was dropped, or is of an utterance that has ended.
        """
        assert isinstance(request, StreamRequest)
        assert isinstance(result, StreamResult)
        self._asked.close(request)
        if request.utterance != self._utterance or result.hypothesis is None:
            return None
        self._end, self._state = request.end_sample, result.state
        return result.hypothesis

    def receive_pause(self, request: DecodeRequest, found: Hypothesis) -> None:
        """Do nothing: the state knows no more of the pause."""
