"""One utterance, from its first speech to its final: what is known of it and what is missing."""

from __future__ import annotations

from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import TYPE_CHECKING

from scribewire.recognition.speakers import (
    FIRST_VOICE_SAMPLES,
    MAX_VOICE_SAMPLES,
    MIN_VOICE_SAMPLES,
)
from scribewire.recognition.stabilizer import Stabilizer

if TYPE_CHECKING:
    from scribewire.recognition.calibration import ShowingBounds
    from scribewire.recognition.requests import DecodeRequest, EmbeddingRequest, Hypothesis
    from scribewire.types import Vector


@dataclass(slots=True, eq=False)
class Utterance:
    """The state of one utterance. Positions are in samples since the stream began."""

    number: int
    """From 0, in the order of the stream."""
    start: int
    """First sample that its decodes hear."""
    speech_start: int
    """First sample of its speech."""
    _: KW_ONLY
    showing: InitVar[ShowingBounds]
    speech_heard: int = 0
    """Its speech goes at least so far while `speech_end` is None, unless the speaker changes."""
    speech_end: int | None = None
    """Sample after its speech; None until it pauses or ends."""
    end: int | None = None
    """Last sample that its final hears; None until it pauses or ends."""
    decided_at: int | None = None
    """Where in the stream its end became clear; None while something can be added to it."""
    shown_end: int | None = None
    """Up to where its latest partial heard; None until one is shown."""
    shown_text: str = ""
    """What its latest partial said."""
    stabilizer: Stabilizer = field(init=False)
    """Decides what its partials show."""
    final_request: DecodeRequest | None = None
    """Asked, for audio up to `end`."""
    hypothesis: Hypothesis | None = None
    """The answer to `final_request`."""
    is_decoded_alone: bool = False
    """Whether its context led its decode astray, so that it is heard without."""
    is_accepted: bool = False
    """Whether `hypothesis` is what its final says."""
    voice_request: EmbeddingRequest | None = None
    """Asked, for the beginning of its speech."""
    voice: Vector | None = None
    """The answer to `voice_request`."""
    is_voice_unclear: bool = False
    """Whether the first of its speech did not tell whose it is."""

    def __post_init__(self, showing: ShowingBounds) -> None:
        self.stabilizer = Stabilizer(showing)

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be added to it any more."""
        return self.decided_at is not None

    @property
    def needs_decode(self) -> bool:
        """Whether the audio of its final is complete and no decode of it has been asked for."""
        return self.end is not None and self.final_request is None

    @property
    def voice_samples(self) -> int:
        """How much of its speech is embedded: no more than decides, none if it is too little.

        While it goes on, none as long as there might be more of it to embed.
        """
        most = MAX_VOICE_SAMPLES if self.is_voice_unclear else FIRST_VOICE_SAMPLES
        if self.speech_end is None:
            return most if self.speech_heard - self.speech_start >= most else 0
        length = self.speech_end - self.speech_start
        return min(length, most) if length >= MIN_VOICE_SAMPLES else 0

    @property
    def needs_embedding(self) -> bool:
        """Whether an embedding of its voice has yet to be asked for."""
        if self.says_nothing:
            return False
        wanted = self.voice_samples
        asked = self.voice_request
        return wanted > 0 and (asked is None or len(asked.samples) != wanted)

    @property
    def needs_voice(self) -> bool:
        """Whether its voice will be known, and is not yet."""
        if self.says_nothing:
            return False
        return self.needs_embedding or (self.voice_samples > 0 and self.voice is None)

    @property
    def is_first_voice_known(self) -> bool:
        """Whether the shortest piece that may decide whose voice it is has been embedded.

        A shorter one of an utterance that goes on is none: it depends on when it was asked for.
        """
        if self.voice is None or self.voice_request is None or self.needs_embedding:
            return False
        return self.has_ended or len(self.voice_request.samples) == FIRST_VOICE_SAMPLES

    @property
    def says_nothing(self) -> bool:
        """Whether it has come out that its final has no text: then its voice is nobody's."""
        return self.is_accepted and self.hypothesis is not None and not self.hypothesis.text

    def settle(self, speech_end: int, end: int) -> None:
        """Fix the audio of its final; a decode of other audio is void."""
        self.speech_end = speech_end
        if self.end != end:
            self._void_decode()
            self.end = end

    def decode_alone(self) -> None:
        """Have its final decoded again, without context."""
        self.is_decoded_alone = True
        self.final_request = self.hypothesis = None

    def resume(self) -> None:
        """Take back that it has paused: speech goes on."""
        self.speech_end = self.end = None
        self._void_decode()

    def _void_decode(self) -> None:
        # With other audio, its context may not lead it astray; nobody knows who asked in time.
        self.is_decoded_alone = False
        self.final_request = self.hypothesis = None
