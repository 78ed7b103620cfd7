"""Whose voice an utterance is: how much of its speech is embedded, and when.

Theory of operation. The beginning of the speech is embedded: a short piece as soon as there is so
much, and a longer one if the short one did not tell whose it is. An utterance that ends sooner is
embedded whole, unless it is too short for anything. Its voice is in one of these states:

    state    | there is                                  | what follows
    ---------|-------------------------------------------|-----------------------------------
    SHORT    | too little speech, so far or for good     | WANTED when there is more of it
    WANTED   | enough, or more than was asked for        | ASKED with the request
    ASKED    | a request for as much as is wanted        | KNOWN with its answer
    KNOWN    | the answer to it                          | WANTED when it proves to be unclear
    NOBODYS  | no text, so nobody is named               |

A pause that was none, and a change of speaker, move the end of the speech and so what is wanted.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from scribewire.recognition.speakers import (
    FIRST_VOICE_SAMPLES,
    MAX_VOICE_SAMPLES,
    MIN_VOICE_SAMPLES,
)

if TYPE_CHECKING:
    from scribewire.recognition.requests import EmbeddingRequest
    from scribewire.types import Vector


class VoiceState(Enum):
    """Where an utterance stands on the way to its voice; the table is at the head of the file."""

    SHORT = auto()
    WANTED = auto()
    ASKED = auto()
    KNOWN = auto()
    NOBODYS = auto()


class Voice:
    """The voice of one utterance, asked for and known. Lengths are in samples of its speech."""

    def __init__(self) -> None:
        self.vector: Vector | None = None  # the answer to the latest request
        self.asked_samples = 0  # how much of the speech the latest request holds
        self._request: EmbeddingRequest | None = None  # the latest, until it is answered
        self._grown = 0  # at least so much speech there is, while it goes on
        self._whole: int | None = None  # how much there is; None while it goes on
        self._is_unclear = False  # the short piece did not tell
        self._is_nobodys = False

    @property
    def state(self) -> VoiceState:
        """What there is, and so what is to be done."""
        if self._is_nobodys:
            return VoiceState.NOBODYS
        wanted = self.wanted_samples
        if wanted and wanted != self.asked_samples:
            return VoiceState.WANTED
        if self.vector is not None:
            return VoiceState.KNOWN
        return VoiceState.ASKED if wanted else VoiceState.SHORT

    @property
    def is_awaited(self) -> bool:
        """Whether it will be known, and is not yet."""
        return self.state in {VoiceState.WANTED, VoiceState.ASKED}

    @property
    def wanted_samples(self) -> int:
        """How much of the speech is embedded: no more than decides, none if it is too little.

        While it goes on, none as long as there might be more of it to embed.
        """
        most = MAX_VOICE_SAMPLES if self._is_unclear else FIRST_VOICE_SAMPLES
        if self._whole is None:
            return most if self._grown >= most else 0
        return min(self._whole, most) if self._whole >= MIN_VOICE_SAMPLES else 0

    def decides(self, *, has_ended: bool) -> bool:
        """Whether the shortest piece that may decide whose voice it is has been embedded.

        A shorter one of an utterance that goes on is none: it depends on when it was asked for.
        """
        is_first = self.asked_samples == FIRST_VOICE_SAMPLES
        return self.state is VoiceState.KNOWN and (has_ended or is_first)

    def grow(self, length: int) -> None:
        """Say how much speech there is, and more may follow."""
        self._grown = length

    def settle(self, length: int) -> None:
        """Say how much speech there is in all."""
        self._whole = length

    def resume(self) -> None:
        """Take back that this was all."""
        self._whole = None

    def ask(self, request: EmbeddingRequest) -> None:
        """Say what has been asked for; what was known of less speech is void."""
        self._request, self.vector = request, None
        self.asked_samples = len(request.samples)

    def receive(self, request: EmbeddingRequest, vector: Vector) -> None:
        """Take the answer, if nothing else has been asked for since."""
        if request is self._request:
            self._request, self.vector = None, vector  # its samples are seconds of audio

    def doubt(self) -> None:
        """Say that what is known does not tell whose it is: more is wanted, if there is more."""
        self._is_unclear = True

    def name_nobody(self) -> None:
        """Say that there is no text, so that no more is asked for."""
        self._is_nobodys = True
