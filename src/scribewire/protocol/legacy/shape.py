"""The result shape of the legacy endpoint; all else there is as in the dialect it came before.

The shape does not say how far was decoded for a result, nor how stable it is: read back, a partial
has offset 0 and a final the end of its last word. Nor does it say a language: its clients are older
than the question.
"""

from __future__ import annotations

from scribewire.protocol.fields import (
    list_words,
    read_optional_integer,
    read_optional_text,
    read_text,
    read_words,
    without_absent,
)
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage
from scribewire.protocol.strict_json import Fields

PATH = "/realtime"


class LegacyShape:
    """`{"partial":...}` and `{"result":...,"speaker":...,"text":...}`."""

    def write(self, result: ResultMessage) -> Fields:
        """Return the fields that tell this result."""
        if isinstance(result, PartialResult):
            return {"partial": result.text}
        words, speaker = list_words(result.words), result.speaker
        fields = {"result": words, "speaker": speaker, "text": result.text, "number": result.number}
        return without_absent(fields)

    def read(self, fields: Fields) -> ResultMessage | None:
        """Return the result that the fields tell, or None when they are something else."""
        match fields:
            case {"partial": _}:
                return PartialResult(text=read_text(fields, "partial"), offset_ms=0)
            case {"text": _}:
                words = read_words(fields, "result")
                return FinalResult(
                    text=read_text(fields, "text"),
                    offset_ms=words[-1].end_ms if words else 0,
                    words=words,
                    speaker=read_optional_text(fields, "speaker"),
                    number=read_optional_integer(fields, "number"),
                )
            case _:
                return None
