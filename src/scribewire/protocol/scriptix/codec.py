"""Messages to text and back, for both sides.

What a client sends is read strictly, and every oddity is a `ClientFault` that says what to send
instead. What a server sends is read tolerantly, so that an old client survives a newer server:
fields it does not know are skipped, messages it does not know become `UnknownMessage`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

from scribewire.errors import ClientFault, CloseCode, ServerFault
from scribewire.protocol.quoting import describe
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.messages import (
    Audio,
    ClientMessage,
    ErrorMessage,
    Listening,
    Loading,
    ServerMessage,
    ShuttingDown,
    Start,
    Stop,
    Stopped,
    UnknownAction,
    UnknownMessage,
)
from scribewire.protocol.scriptix.parameters import read_start, write_start
from scribewire.protocol.strict_json import (
    MAX_MESSAGE_BYTES,
    Fields,
    MalformedJsonError,
    dump_fields,
    fits,
    is_sendable,
    load_json,
)
from scribewire.types import Word

# Public functions for what clients send.


def serialise_client(message: ClientMessage) -> str | bytes:
    """Write a client's message: bytes for audio, compact JSON for the rest."""
    match message:
        case Audio(pcm):
            return pcm
        case Start():
            return dump_fields(_start_fields(message))
        case Stop():
            return dump_fields({"action": "stop"})
        case UnknownAction(action):
            return dump_fields({"action": action})


def parse_client(message: str | bytes) -> ClientMessage:
    """Read one message of a client, or raise `ClientFault`.

    A fault with `CloseCode.MESSAGE_TOO_BIG` is closed without an error message.
    """
    if not fits(message):
        fault = f"message over {MAX_MESSAGE_BYTES} bytes: send audio in messages of up to 64 KB"
        raise ClientFault(fault, CloseCode.MESSAGE_TOO_BIG)
    if isinstance(message, bytes):
        return Audio(message)
    fields = _load_client_fields(message)
    match fields.get("action", ""):
        case "start":
            return _read_start(fields)
        case "stop":
            return Stop()
        case str() as action:
            return UnknownAction(action)
        case action:
            return UnknownAction(describe(action))


# Public functions for what servers send.


def serialise_server(message: ServerMessage) -> str:
    """Write a server's message as compact JSON, leaving out fields that are None."""
    match message:
        case UnknownMessage(raw):
            return raw
        case PartialResult() | FinalResult():
            return dump_fields(_result_fields(message))
        case _:
            return dump_fields(_notice_fields(message))


def parse_server(text: str) -> ServerMessage:
    """Read one message of a server, or raise `ServerFault` when it is not one at all."""
    return read_server_message(load_server_fields(text), text)


# Building blocks, shared with the legacy shape.


def load_server_fields(text: str) -> Fields:
    """Read a server's text as an object, or raise `ServerFault`."""
    if not fits(text):
        raise ServerFault(f"the server sent a message over {MAX_MESSAGE_BYTES} bytes")
    try:
        value = load_json(text)
    except MalformedJsonError as error:
        raise ServerFault(f"the server sent {error}") from None
    if not isinstance(value, dict):
        raise ServerFault(f"the server sent {describe(value)}: expected a JSON object")
    return value


def read_server_message(fields: Fields, text: str) -> ServerMessage:
    """Tell which message the fields of `text` are; `ServerFault` if one that breaks its shape."""
    match fields:
        case {"state": "loading"}:
            return Loading()
        case {"state": "listening"}:
            return Listening(read_optional_text(fields, "session_id") or "")
        case {"state": "stopped"}:
            return Stopped()
        case {"state": "shutting_down"}:
            return ShuttingDown(int(_read_number(fields, "at")))
        case {"error": str(error)}:
            return ErrorMessage(error)
        case {"is_final": False}:
            return _read_partial(fields)
        case {"is_final": True}:
            return _read_final(fields)
        case _:
            return UnknownMessage(text)


def read_text(fields: Fields, name: str) -> str:
    """Return a field that must be a string, or raise `ServerFault`."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise ServerFault(f"the server sent {name} {describe(value)}: expected a string")
    return value


def read_optional_text(fields: Fields, name: str) -> str | None:
    """Return a field that may be absent or null, else as `read_text`."""
    return None if fields.get(name) is None else read_text(fields, name)


def read_words(fields: Fields, name: str) -> tuple[Word, ...] | None:
    """Return the words of a final, None when absent, or raise `ServerFault`."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise ServerFault(f"the server sent {name} {describe(value)}: expected a list")
    return tuple(_read_word(item) for item in value)


def list_words(words: tuple[Word, ...] | None) -> list[object] | None:
    """Return words as they stand on the wire: `[text, start_ms, end_ms, confidence]`."""
    if words is None:
        return None
    return [[word.text, word.start_ms, word.end_ms, word.confidence] for word in words]


def without_absent(fields: Mapping[str, object]) -> Fields:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


# Reading and writing single messages.


def _load_client_fields(text: str) -> Fields:
    expected = 'expected one JSON object such as {"action":"start"}'
    try:
        value = load_json(text)
    except MalformedJsonError as error:
        raise ClientFault(f"{error}: {expected}") from None
    if not isinstance(value, dict):
        raise ClientFault(f"text is not an object but {describe(value)}: {expected}")
    return value


def _read_start(fields: Fields) -> Start:
    key = fields.get("key")
    if key is not None and not (isinstance(key, str) and is_sendable(key)):
        raise ClientFault("key: expected a string (the value is not shown); correct it in `start`")
    return Start(key=key, wishes=read_start(fields))


def _start_fields(start: Start) -> Fields:
    key: Fields = {} if start.key is None else {"key": start.key}
    return {"action": "start"} | key | write_start(start.wishes)


def _notice_fields(
    message: Loading | Listening | ErrorMessage | ShuttingDown | Stopped,
) -> Fields:
    match message:
        case Loading():
            return {"state": "loading"}
        case Listening(session_id):
            return {"state": "listening", "session_id": session_id}
        case Stopped():
            return {"state": "stopped"}
        case ShuttingDown(at):
            return {"state": "shutting_down", "at": at}
        case ErrorMessage(error):
            return {"error": error}


def _result_fields(result: PartialResult | FinalResult) -> Fields:
    fields: Fields = {
        "text": result.text,
        "is_final": isinstance(result, FinalResult),
        "offset_ms": result.offset_ms,
    }
    match result:
        case PartialResult(stability=stability):
            fields["stability"] = stability
        case FinalResult(words=words, speaker=speaker):
            fields["words"] = list_words(words)
            fields["speaker"] = speaker
    return without_absent(fields)


def _read_partial(fields: Fields) -> PartialResult:
    has_stability = fields.get("stability") is not None
    return PartialResult(
        text=read_text(fields, "text"),
        offset_ms=int(_read_number(fields, "offset_ms")),
        stability=_read_number(fields, "stability") if has_stability else None,
    )


def _read_final(fields: Fields) -> FinalResult:
    return FinalResult(
        text=read_text(fields, "text"),
        offset_ms=int(_read_number(fields, "offset_ms")),
        words=read_words(fields, "words"),
        speaker=read_optional_text(fields, "speaker"),
    )


def _read_word(item: object) -> Word:
    match item:
        case [str(text), start_ms, end_ms, confidence] if (
            _is_number(start_ms) and _is_number(end_ms) and _is_number(confidence)
        ):
            return Word(
                text=text, start_ms=int(start_ms), end_ms=int(end_ms), confidence=confidence
            )
        case _:
            raise ServerFault(
                f"the server sent the word {describe(item)}: "
                "expected [text, start_ms, end_ms, confidence]"
            )


def _read_number(fields: Fields, name: str) -> float:
    value = fields.get(name)
    if not _is_number(value):
        raise ServerFault(f"the server sent {name} {describe(value)}: expected a number")
    return value


def _is_number(value: object) -> TypeGuard[float]:
    match value:
        case bool():
            return False
        case int():
            return True
        case float():
            return math.isfinite(value)  # JSON's 1e999 is read as infinity
        case _:
            return False
