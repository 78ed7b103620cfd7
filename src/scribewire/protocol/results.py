"""What a stream says, as clients read it: milliseconds and names instead of samples and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from scribewire.events import Final, Partial
from scribewire.types import samples_to_ms

if TYPE_CHECKING:
    from scribewire.protocol.strict_json import Fields
    from scribewire.types import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialResult:
    """The present guess at an utterance; replaces the previous partial of the same one."""

    text: str
    """Punctuated and cased."""
    offset_ms: int
    """How far into the stream was decoded for this result."""
    stability: float | None = None
    """Probability that the final will begin with this text; None when it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResult:
    """The text of an utterance, which never changes."""

    text: str
    """Punctuated and cased; empty takes back what partials of the utterance have shown."""
    offset_ms: int
    """How far into the stream was decoded for this result."""
    words: tuple[Word, ...] | None = None
    """The words of `text` in order; None when they were not measured."""
    speaker: str | None = None
    """`Speaker N`; None when diarization is off or undecided."""
    language: str | None = None
    """ISO 639-1 code of what was heard and is written; None where that was not checked."""
    number: int | None = None
    """From 1, among the finals of a session that can be resumed; None in any other."""


ResultMessage: TypeAlias = PartialResult | FinalResult


class ResultShape(Protocol):
    """How results look on the wire: all that two dialects may differ in."""

    def write(self, result: ResultMessage) -> Fields:
        """Return the fields that tell this result."""

    def read(self, fields: Fields) -> ResultMessage | None:
        """Return the result that the fields tell, or None when they are something else.

        Raises `ServerFault` for a result that breaks its shape.
        """


def as_result(event: Partial | Final, number: int | None = None) -> ResultMessage:
    """Return the message that tells this event; a final may have a number."""
    offset_ms = samples_to_ms(event.end_sample)
    if isinstance(event, Partial):
        return PartialResult(text=event.text, offset_ms=offset_ms, stability=event.stability)
    speaker = None if event.speaker is None else f"Speaker {event.speaker}"
    return FinalResult(
        text=event.text,
        offset_ms=offset_ms,
        words=event.words,
        speaker=speaker,
        language=event.language,
        number=number,
    )
