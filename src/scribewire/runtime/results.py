"""What a recognizer says, as the messages of the wire: the same for a server and a file."""

from __future__ import annotations

from scribewire.events import Partial, TranscriptEvent
from scribewire.formatting.numbers import write_numbers, write_numbers_in_words
from scribewire.protocol.messages import FinalResult, PartialResult
from scribewire.types import samples_to_ms


def as_result(
    event: TranscriptEvent, *, digits_in: str | None = None
) -> PartialResult | FinalResult:
    """Return the message that tells this event.

    `digits_in` is the language whose number words become digits; None leaves them as words.
    """
    offset_ms = samples_to_ms(event.end_sample)
    text = event.text if digits_in is None else write_numbers(event.text, digits_in)
    if isinstance(event, Partial):
        return PartialResult(text=text, offset_ms=offset_ms, stability=event.stability)
    words = event.words
    if words is not None and digits_in is not None:
        words = write_numbers_in_words(words, digits_in)
    speaker = None if event.speaker is None else f"Speaker {event.speaker}"
    return FinalResult(text=text, offset_ms=offset_ms, words=words, speaker=speaker)
