"""The utterances of one stream that have no final yet: boundaries open, settle and close them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from scribewire.recognition.checkpoint import BEGINNING, UtterancesState
from scribewire.recognition.endpointer import (
    Boundary,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
    UtteranceStarted,
)
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.turns import SpeakerChanged
from scribewire.recognition.utterance import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scribewire.recognition.rules import RecognizerRules


@dataclass(frozen=True, slots=True)
class Followed:
    """What a boundary has done."""

    ended: Utterance | None = None
    opened: Utterance | None = None


class Utterances:
    """In the order of the stream; all but the last have ended. Positions are samples."""

    def __init__(
        self, rules: RecognizerRules, state: UtterancesState = BEGINNING.utterances
    ) -> None:
        self._pad_before = rules.calibration.pad_before_samples
        self._pad_after = rules.pad_after_samples
        self._min_speech = rules.endpoint.min_speech * FRAME_SAMPLES
        self._showing = rules.calibration.showing
        self._waiting = deque(Utterance.go_on(one, showing=self._showing) for one in state.waiting)
        self._count = state.count  # since the stream began
        self._floor = state.floor  # where the audio of the last ended one stops

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._waiting)

    @property
    def state(self) -> UtterancesState | None:
        """What others go on from; None while one that has said its final waits for its voice."""
        if any(one.final.is_accepted for one in self._waiting):
            return None
        return UtterancesState(
            count=self._count,
            floor=self._floor,
            waiting=tuple(one.state for one in self._waiting),
        )

    @property
    def first(self) -> Utterance | None:
        """The one whose final is next."""
        return self._waiting[0] if self._waiting else None

    @property
    def open(self) -> Utterance | None:
        """The one that goes on."""
        last = self._waiting[-1] if self._waiting else None
        return None if last is None or last.has_ended else last

    @property
    def last_number(self) -> int:
        """The number of the latest; -1 before there is any."""
        return self._count - 1

    def find(self, number: int) -> Utterance | None:
        """Return the one of this number, if it waits for its final."""
        return next((one for one in self._waiting if one.number == number), None)

    def drop_first(self) -> None:
        """Say that the final of the first has been found."""
        self._waiting.popleft()

    def follow(self, boundary: Boundary | SpeakerChanged, judged: int) -> Followed:
        """Open, settle and close as the boundary says, which was decided at `judged`."""
        match boundary:
            case UtteranceStarted(frame=frame):
                return Followed(opened=self._open(frame * FRAME_SAMPLES))
            case UtterancePaused(frame=frame):
                self._settle(frame * FRAME_SAMPLES, self._pad_after, judged)
                return Followed()
            case UtteranceResumed():
                self._waiting[-1].resume()
                return Followed()
            case UtteranceEnded(frame=frame):
                if self._waiting[-1].speech_end != frame * FRAME_SAMPLES:  # else it paused there
                    self._settle(frame * FRAME_SAMPLES, self._pad_after, judged)
                return Followed(ended=self._end(judged))
            case UtteranceCut(frame=frame):
                position = frame * FRAME_SAMPLES
                self._settle(position, 0, judged)
                return Followed(self._end(judged), self._open(position))
            case SpeakerChanged(end=end, start=start):
                # The pause between the two, if there is one, is shared out.
                self._settle(end, min((start - end) // 2, self._pad_after), judged)
                return Followed(self._end(judged), self._open(start))
            case _:
                assert_never(boundary)

    def needed_from(self, judged: int) -> int:
        """Return the first sample that one of them needs, or the next one might."""
        if self._waiting:
            return self._waiting[0].start
        return max(judged - self._min_speech - self._pad_before, self._floor)

    def next_end(self, judged: int) -> int:
        """Return where the audio of the next final ends at the earliest."""
        if not self._waiting:
            return judged
        first = self._waiting[0]
        # A pause is taken back, and a change of speaker found before it: only an end is final.
        return first.end if first.has_ended and first.end is not None else first.start

    def _open(self, speech_start: int) -> Utterance:
        start = max(speech_start - self._pad_before, self._floor)
        opened = Utterance(self._count, start, speech_start, showing=self._showing)
        self._count += 1
        self._waiting.append(opened)
        return opened

    def _settle(self, speech_end: int, pad: int, judged: int) -> None:
        self._waiting[-1].settle(min(speech_end, judged), min(speech_end + pad, judged))

    def _end(self, judged: int) -> Utterance:
        ended = self._waiting[-1]
        assert ended.end is not None
        ended.close(judged)
        self._floor = ended.end
        return ended
