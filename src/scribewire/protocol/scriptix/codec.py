"""Messages to text and back, for both sides.

What a client sends is read strictly, and every oddity is a `ClientFault` that says what to send
instead. What a server sends is read tolerantly, so that an old client survives a newer server:
fields it does not know are skipped, messages it does not know become `UnknownMessage`.
"""

from __future__ import annotations

from scribewire.errors import ClientFault, CloseCode
from scribewire.protocol.fields import load_server_fields, read_number, read_optional_text
from scribewire.protocol.quoting import describe
from scribewire.protocol.results import FinalResult, PartialResult, ResultShape
from scribewire.protocol.resuming import Position
from scribewire.protocol.scriptix.messages import (
    Audio,
    AudioAcknowledged,
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
from scribewire.protocol.scriptix.shape import SCRIPTIX
from scribewire.protocol.strict_json import (
    MAX_MESSAGE_BYTES,
    MAX_TEXT_CHARACTERS,
    Fields,
    MalformedJsonError,
    dump_fields,
    fits,
    is_sendable,
    load_json,
)

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
    if len(message) > MAX_TEXT_CHARACTERS:
        raise ClientFault(
            f"text of {len(message)} characters: expected at most {MAX_TEXT_CHARACTERS}; "
            "send audio as binary messages"
        )
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


def serialise_server(message: ServerMessage, shape: ResultShape = SCRIPTIX) -> str:
    """Write a server's message as compact JSON, a result in this shape."""
    match message:
        case UnknownMessage(raw):
            return raw
        case PartialResult() | FinalResult():
            return dump_fields(shape.write(message))
        case _:
            return dump_fields(_notice_fields(message))


def parse_server(text: str, shape: ResultShape = SCRIPTIX) -> ServerMessage:
    """Read one message of a server, or raise `ServerFault` when it is not one at all."""
    fields = load_server_fields(text)
    return _read_notice(fields) or shape.read(fields) or UnknownMessage(text)


# Reading and writing single messages.


def _load_client_fields(text: str) -> Fields:
    expected = 'expected one JSON object such as {"action":"start"}'
    try:
        value = load_json(text)
    except MalformedJsonError as error:
        raise ClientFault(f"{error}: {expected}") from None
    if not isinstance(value, dict):
        message = f"text is not an object but {describe(value)}: {expected}"
        raise ClientFault(message, logged=f"text is not an object: {expected}")
    return value


def _read_start(fields: Fields) -> Start:
    key = fields.get("key")
    if key is not None and not (isinstance(key, str) and is_sendable(key)):
        raise ClientFault("key: expected a string (the value is not shown); correct it in `start`")
    return Start(key=key, wishes=read_start(fields))


def _start_fields(start: Start) -> Fields:
    key: Fields = {} if start.key is None else {"key": start.key}
    return {"action": "start"} | key | write_start(start.wishes)


def _read_notice(fields: Fields) -> ServerMessage | None:
    match fields:
        case {"state": "loading"}:
            return Loading()
        case {"state": "listening"}:
            return Listening(read_optional_text(fields, "session_id") or "", _read_position(fields))
        case {"state": "received"}:
            return AudioAcknowledged(
                int(read_number(fields, "received_bytes")),
                int(read_number(fields, "replay_from_bytes")),
            )
        case {"state": "stopped"}:
            return Stopped()
        case {"state": "shutting_down"}:
            return ShuttingDown(int(read_number(fields, "at")), fields.get("resume") is True)
        case {"error": str(error)}:
            return ErrorMessage(error)
        case _:
            return None


def _read_position(fields: Fields) -> Position | None:
    epoch = read_optional_text(fields, "epoch")
    if not epoch:
        return None
    return Position(
        epoch=epoch,
        received_bytes=int(read_number(fields, "received_bytes")),
        finals=int(read_number(fields, "finals")),
    )


def _position_fields(position: Position) -> Fields:
    return {
        "epoch": position.epoch,
        "received_bytes": position.received_bytes,
        "finals": position.finals,
    }


def _notice_fields(
    message: Loading | Listening | AudioAcknowledged | ErrorMessage | ShuttingDown | Stopped,
) -> Fields:
    match message:
        case Loading():
            return {"state": "loading"}
        case Listening(session_id, position):
            told: Fields = {} if position is None else _position_fields(position)
            return {"state": "listening", "session_id": session_id} | told
        case AudioAcknowledged(received_bytes, replay_from_bytes):
            return {
                "state": "received",
                "received_bytes": received_bytes,
                "replay_from_bytes": replay_from_bytes,
            }
        case Stopped():
            return {"state": "stopped"}
        case ShuttingDown(at, can_resume):
            resume: Fields = {"resume": True} if can_resume else {}
            return {"state": "shutting_down", "at": at} | resume
        case ErrorMessage(error):
            return {"error": error}
