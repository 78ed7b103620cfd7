"""The result shape of the legacy endpoint `/realtime`; states and errors are those of `codec`.

The shape does not say how far a result has heard, nor how stable it is: read back, a partial
has offset 0 and a final the end of its last word.
"""

from __future__ import annotations

from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.codec import (
    list_words,
    load_server_fields,
    read_optional_text,
    read_server_message,
    read_text,
    read_words,
    serialise_server,
    without_absent,
)
from scribewire.protocol.scriptix.messages import ServerMessage
from scribewire.protocol.strict_json import dump_fields


def serialise_legacy(message: ServerMessage) -> str:
    """Write a server's message in the legacy shape."""
    match message:
        case PartialResult(text=text):
            return dump_fields({"partial": text})
        case FinalResult(text=text, words=words, speaker=speaker):
            fields = {"result": list_words(words), "speaker": speaker, "text": text}
            return dump_fields(without_absent(fields))
        case _:
            return serialise_server(message)


def parse_legacy(text: str) -> ServerMessage:
    """Read a server's message in the legacy shape, or raise `ServerFault`."""
    fields = load_server_fields(text)
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
            )
        case _:
            return read_server_message(fields, text)
