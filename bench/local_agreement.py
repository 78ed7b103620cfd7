"""A loop that makes a stream of Whisper: hear the buffer again and again, keep what two agree on.

Theory of operation. The way to stream that the field uses most (whisper_streaming, and
WhisperLiveKit after it), written anew from its description. Audio goes into a buffer; with each
second of new speech the whole buffer is decoded again, and the words that two hypotheses in a row
begin with are committed (LocalAgreement-2). What is committed up to the end of a sentence leaves
the buffer, and is the prompt of what follows. A voice detector says where an utterance ends: then
the rest is decoded once more, unless all that was spoken has been, and all of it is committed.
Shown is what is committed, and behind it what is not yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.endpointer import (
    Endpointer,
    EndpointRules,
    UtteranceCut,
    UtteranceEnded,
    UtteranceStarted,
)
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.protocols import VadEngine
    from scribewire.types import Samples

STEP_SAMPLES = SAMPLE_RATE  # of new speech before the buffer is decoded again
PAD_SAMPLES = SAMPLE_RATE // 2  # before speech, and behind it where it has been heard
SAME_PLACE_S = 0.1  # a word that starts so little before the end of the last one follows it
REPEATED_WORDS = 5  # at most, that a hypothesis says again of what is committed
PROMPT_CHARACTERS = 200
SENTENCE_ENDS = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word, and where in the stream it is heard."""

    text: str
    """With the space before it."""
    start_s: float
    end_s: float

    @property
    def plain(self) -> str:
        """The word as it is compared."""
        return self.text.strip().strip(".,!?;:").casefold()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the loop tells of one utterance."""

    text: str
    end_sample: int
    """Where in the stream the audio behind it ends."""
    is_final: bool


Transcribe = Callable[["Samples", str], Sequence[TimedWord]]
"""The words in some audio, from its start, after a prompt."""


@dataclass(slots=True)
class Agreement:
    """What hypotheses about one utterance have agreed on, and what the last one had besides."""

    committed: list[TimedWord] = field(default_factory=list)
    rest: list[TimedWord] = field(default_factory=list)

    def receive(self, words: Sequence[TimedWord], *, is_last: bool = False) -> None:
        """Take the next hypothesis; of the last one everything is committed."""
        fresh = self._without_committed(words)
        pairs = zip(fresh, self.rest, strict=False)
        count = next((k for k, (a, b) in enumerate(pairs) if a.plain != b.plain), None)
        if count is None:
            count = min(len(fresh), len(self.rest))
        if is_last:
            count = len(fresh)
        self.committed += fresh[:count]
        self.rest = fresh[count:]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(word.text for word in (*self.committed, *self.rest)).strip()

    @property
    def sentence_end_s(self) -> float | None:
        """Where the last sentence ends that is committed as a whole."""
        ends = (one.end_s for one in reversed(self.committed) if one.text.endswith(SENTENCE_ENDS))
        return next(ends, None)

    def prompt(self, before_s: float) -> str:
        """Return the end of what is committed before a place."""
        words = (word.text for word in self.committed if word.end_s <= before_s)
        return "".join(words)[-PROMPT_CHARACTERS:]

    def _without_committed(self, words: Sequence[TimedWord]) -> list[TimedWord]:
        if not self.committed:
            return list(words)
        end_s = self.committed[-1].end_s
        fresh = [word for word in words if word.start_s > end_s - SAME_PLACE_S]
        for count in range(min(REPEATED_WORDS, len(fresh), len(self.committed)), 0, -1):
            said = [word.plain for word in self.committed[-count:]]
            if said == [word.plain for word in fresh[:count]]:
                return fresh[count:]
        return fresh


class AgreementLoop:
    """One stream of it; it knows no clock: what there is of the audio is given to it."""

    def __init__(self, transcribe: Transcribe, vad: VadEngine, rules: EndpointRules) -> None:
        self._transcribe = transcribe
        self._vad = vad
        self._vad_state: bytes | None = None
        self._endpointer = Endpointer(rules)
        self._samples = np.empty(0, np.float32)  # of the stream so far
        self._frames = 0  # that the voice detector has heard
        self._buffer_from: int | None = None  # None: nobody speaks
        self._decoded_to = 0
        self._agreement = Agreement()

    def receive_audio(self, samples: Samples) -> Iterator[Shown]:
        """Take all that there is by now, however much; give what is shown, as soon as it is."""
        self._samples = np.concatenate([self._samples, samples])
        for boundary in self._boundaries():
            match boundary:
                case UtteranceStarted(frame):
                    self._open(frame)
                case UtteranceEnded(frame):
                    yield from self._end(frame)
                case UtteranceCut(frame):
                    yield from self._end(frame, is_cut=True)
                    self._open(frame, is_cut=True)
        if self._buffer_from is not None and self._samples.size - self._decoded_to >= STEP_SAMPLES:
            self._decode(self._samples.size, is_last=False)
            if self._agreement.text:
                yield Shown(self._agreement.text, self._samples.size, is_final=False)

    def receive_end(self) -> Iterator[Shown]:
        """End what is open: there is no more audio."""
        last = self._endpointer.receive_end()
        if last is not None:
            yield from self._end(last.frame)

    def _boundaries(self) -> Iterator[UtteranceStarted | UtteranceEnded | UtteranceCut]:
        count = self._samples.size // FRAME_SAMPLES - self._frames
        if not count:
            return
        start = self._frames * FRAME_SAMPLES
        frames = self._samples[start : start + count * FRAME_SAMPLES]
        heard = self._vad.measure(VadRequest(frames, self._vad_state))
        self._vad_state = heard.state
        self._frames += count
        for probability in heard.probabilities:
            boundary = self._endpointer.accept_frame(probability)
            if isinstance(boundary, UtteranceStarted | UtteranceEnded | UtteranceCut):
                yield boundary

    def _open(self, frame: int, *, is_cut: bool = False) -> None:
        self._buffer_from = max(0, frame * FRAME_SAMPLES - (0 if is_cut else PAD_SAMPLES))
        self._decoded_to = frame * FRAME_SAMPLES
        self._agreement = Agreement()

    def _end(self, frame: int, *, is_cut: bool = False) -> Iterator[Shown]:
        end = frame * FRAME_SAMPLES
        if is_cut or self._decoded_to < end:
            self._decode(
                min(self._samples.size, end + (0 if is_cut else PAD_SAMPLES)), is_last=True
            )
        self._buffer_from = None
        if self._agreement.text:
            yield Shown(self._agreement.text, end, is_final=True)

    def _decode(self, end: int, *, is_last: bool) -> None:
        assert self._buffer_from is not None
        start_s = self._buffer_from / SAMPLE_RATE
        words = self._transcribe(
            self._samples[self._buffer_from : end], self._agreement.prompt(start_s)
        )
        placed = [TimedWord(w.text, w.start_s + start_s, w.end_s + start_s) for w in words]
        self._agreement.receive(placed, is_last=is_last)
        self._decoded_to = end
        sentence_end_s = self._agreement.sentence_end_s
        if sentence_end_s is not None:
            self._buffer_from = max(self._buffer_from, int(sentence_end_s * SAMPLE_RATE))
