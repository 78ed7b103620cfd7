"""The result shape of this dialect: one object, with what was measured and no more."""

from __future__ import annotations

from typing import Final

from scribewire.protocol.fields import (
    list_words,
    read_number,
    read_optional_integer,
    read_optional_text,
    read_text,
    read_words,
    without_absent,
)
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage, ResultShape
from scribewire.protocol.strict_json import Fields


class ScriptixShape:
    """`{"text":...,"is_final":...,"offset_ms":...}` and what is optional."""

    def write(self, result: ResultMessage) -> Fields:
        """Return the fields that tell this result."""
        fields: Fields = {
            "text": result.text,
            "is_final": isinstance(result, FinalResult),
            "offset_ms": result.offset_ms,
        }
        match result:
            case PartialResult(stability=stability):
                fields["stability"] = stability
            case FinalResult():
                fields["words"] = list_words(result.words)
                fields["speaker"] = result.speaker
                fields["language"] = result.language
                fields["number"] = result.number
        return without_absent(fields)

    def read(self, fields: Fields) -> ResultMessage | None:
        """Return the result that the fields tell, or None when they are something else."""
        match fields:
            case {"is_final": False}:
                has_stability = fields.get("stability") is not None
                return PartialResult(
                    text=read_text(fields, "text"),
                    offset_ms=int(read_number(fields, "offset_ms")),
                    stability=read_number(fields, "stability") if has_stability else None,
                )
            case {"is_final": True}:
                return FinalResult(
                    text=read_text(fields, "text"),
                    offset_ms=int(read_number(fields, "offset_ms")),
                    words=read_words(fields, "words"),
                    speaker=read_optional_text(fields, "speaker"),
                    language=read_optional_text(fields, "language"),
                    number=read_optional_integer(fields, "number"),
                )
            case _:
                return None


SCRIPTIX: Final[ResultShape] = ScriptixShape()
