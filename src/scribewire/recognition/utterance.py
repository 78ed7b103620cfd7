"""One utterance, from its first speech to its final: what is known of it and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.recognition.checkpoint import UtteranceState
from scribewire.recognition.final_decode import FinalDecode
from scribewire.recognition.stabilizer import Stabilizer
from scribewire.recognition.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.recognition.calibration import ShowingBounds
    from scribewire.recognition.requests import Hypothesis
    from scribewire.recognition.stabilizer import DecodedWord, ShownText


class Utterance:
    """The state of one utterance. Positions are in samples since the stream began.

    It is read from everywhere, and changed by its methods alone.
    """

    def __init__(
        self, number: int, start: int, speech_start: int, *, showing: ShowingBounds
    ) -> None:
        self.number = number  # from 0, in the order of the stream
        self.start = start  # first sample that its decodes take
        self.speech_start = speech_start  # first sample of its speech
        self.speech_end: int | None = None  # sample after its speech; None until it pauses or ends
        self.end: int | None = None  # where its final's audio ends; None until it pauses or ends
        self.decided_at: int | None = None  # where its end became clear; None while it is open
        self.final = FinalDecode()
        self.voice = Voice()
        self.shown_end: int | None = None  # where its latest partial's audio ends; None: none shown
        self._shown_text = ""
        self._stabilizer = Stabilizer(showing)

    @classmethod
    def go_on(cls, state: UtteranceState, *, showing: ShowingBounds) -> Utterance:
        """Return one of which all this was decided elsewhere."""
        one = cls(state.number, state.start, state.speech_start, showing=showing)
        if state.speech_end is not None and state.end is not None:
            one.settle(state.speech_end, state.end)
        one.decided_at, one.shown_end = state.decided_at, state.shown_end
        return one

    @property
    def state(self) -> UtteranceState:
        """What is decided of it, as long as its final is not accepted."""
        return UtteranceState(
            number=self.number,
            start=self.start,
            speech_start=self.speech_start,
            speech_end=self.speech_end,
            end=self.end,
            decided_at=self.decided_at,
            shown_end=self.shown_end,
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be added to it any more."""
        return self.decided_at is not None

    @property
    def has_shown(self) -> bool:
        """Whether a partial of it has been shown."""
        return self.shown_end is not None

    @property
    def needs_decode(self) -> bool:
        """Whether the audio of its final is complete and no decode of it has been asked for."""
        return self.end is not None and self.final.request is None

    def grow(self, judged: int) -> None:
        """Say that its speech goes on up to a sample, unless the speaker changes before."""
        self.voice.grow(judged - self.speech_start)

    def settle(self, speech_end: int, end: int) -> None:
        """Fix the audio of its final; a decode of other audio is void."""
        self.speech_end = speech_end
        self.voice.settle(speech_end - self.speech_start)
        if self.end != end:
            self.final.void()
            self.end = end

    def resume(self) -> None:
        """Take back that it has paused: speech goes on."""
        self.speech_end = self.end = None
        self.voice.resume()
        self.final.void()

    def close(self, decided_at: int) -> None:
        """Say that nothing will be added to it, and where in the stream that became clear."""
        assert self.end is not None
        self.decided_at = decided_at

    def accept(self, hypothesis: Hypothesis) -> None:
        """Say what its final says; without text, its voice is nobody's."""
        self.final.accept(hypothesis)
        if not hypothesis.text:
            self.voice.name_nobody()

    def show(
        self, words: Sequence[DecodedWord], end_sample: int, *, is_settled: bool
    ) -> ShownText | None:
        """Take its next hypothesis and return what is to be shown of it, if anything is new."""
        shown = self._stabilizer.receive_hypothesis(words, is_settled=is_settled)
        if not shown.text or shown.text == self._shown_text:
            return None
        self.shown_end, self._shown_text = end_sample, shown.text
        return shown
