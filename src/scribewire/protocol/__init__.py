"""The wire protocol as a core: both sides of the dialogue, without I/O, threads or clocks.

A shell feeds what it reads into a `ServerConnection` or a `ClientConnection`, and takes from it
what to write and what has happened. `protocol/protocol.md` describes the wire itself.
"""

from __future__ import annotations

from scribewire.protocol.client import ClientConnection
from scribewire.protocol.codec import parse_client, parse_server, serialise_client, serialise_server
from scribewire.protocol.events import (
    AudioEnded,
    AudioReceived,
    ClientEvent,
    ConnectionFailed,
    Disconnected,
    ServerEvent,
    SessionAborted,
    SessionStarted,
    StateChanged,
)
from scribewire.protocol.handshake import Endpoint, Handshake, client_url, parse_handshake
from scribewire.protocol.legacy import parse_legacy, serialise_legacy
from scribewire.protocol.messages import (
    Audio,
    ClientMessage,
    Close,
    ErrorMessage,
    FinalResult,
    Listening,
    Loading,
    PartialResult,
    ServerMessage,
    ShuttingDown,
    Start,
    Stop,
    Stopped,
    UnknownAction,
    UnknownMessage,
)
from scribewire.protocol.policy import HttpRefusal, ServerPolicy, refuse_handshake
from scribewire.protocol.server import ServerConnection
from scribewire.protocol.states import ConnectionState, DialogueState, ProtocolMisuseError
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES

__all__ = [
    "MAX_MESSAGE_BYTES",
    "Audio",
    "AudioEnded",
    "AudioReceived",
    "ClientConnection",
    "ClientEvent",
    "ClientMessage",
    "Close",
    "ConnectionFailed",
    "ConnectionState",
    "DialogueState",
    "Disconnected",
    "Endpoint",
    "ErrorMessage",
    "FinalResult",
    "Handshake",
    "HttpRefusal",
    "Listening",
    "Loading",
    "PartialResult",
    "ProtocolMisuseError",
    "ServerConnection",
    "ServerEvent",
    "ServerMessage",
    "ServerPolicy",
    "SessionAborted",
    "SessionStarted",
    "ShuttingDown",
    "Start",
    "StateChanged",
    "Stop",
    "Stopped",
    "UnknownAction",
    "UnknownMessage",
    "client_url",
    "parse_client",
    "parse_handshake",
    "parse_legacy",
    "parse_server",
    "refuse_handshake",
    "serialise_client",
    "serialise_legacy",
    "serialise_server",
]
