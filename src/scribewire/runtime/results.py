"""What a recognizer says, as the messages of the wire: the same for a server and a file."""

from __future__ import annotations

from scribewire.protocol.messages import FinalResult, PartialResult
from scribewire.recognition.events import Event, Partial
from scribewire.types import samples_to_ms


def as_result(event: Event) -> PartialResult | FinalResult:
    """Return the message that tells this event."""
    offset_ms = samples_to_ms(event.end_sample)
    if isinstance(event, Partial):
        return PartialResult(text=event.text, offset_ms=offset_ms)
    return FinalResult(text=event.text, offset_ms=offset_ms)
