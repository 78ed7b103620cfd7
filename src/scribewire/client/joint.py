"""Where one session follows on another, so that both are one for the user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.types import Word

if TYPE_CHECKING:
    from scribewire.client.dialogue import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionJoint:
    """Where the present session began, in all that the user has handed over and was told."""

    byte: int = 0
    """The first of its audio."""
    ms: int = 0
    """The same, as time."""
    final: int = 0
    """How many finals came before it."""

    def place(self, message: Message) -> Message:
        """Return a message of this session as one of the whole."""
        if self == SessionJoint():
            return message
        match message:
            case PartialResult(offset_ms=offset_ms):
                return replace(message, offset_ms=offset_ms + self.ms)
            case FinalResult(offset_ms=offset_ms, words=words, number=number):
                return replace(
                    message,
                    offset_ms=offset_ms + self.ms,
                    words=None if words is None else tuple(map(self._place_word, words)),
                    number=None if number is None else number + self.final,
                )
            case _:
                return message

    def _place_word(self, word: Word) -> Word:
        return replace(word, start_ms=word.start_ms + self.ms, end_ms=word.end_ms + self.ms)
