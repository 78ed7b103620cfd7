"""The Python client: asyncio here, the same names without asyncio in `blocking`."""

from scribewire.client.asynchronous import Client, connect
from scribewire.client.dialogue import Message
from scribewire.client.errors import (
    ClientError,
    ClosedError,
    ConnectTimeoutError,
    MissingTokenError,
    MissingUrlError,
    ProtocolViolationError,
    RefusedError,
    SessionError,
    SessionLostError,
    StreamModeError,
    UnreachableError,
)
from scribewire.client.retry import Reconnecting, ResumePolicy
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.messages import ShuttingDown
from scribewire.protocol.scriptix.states import ConnectionState

__all__ = [
    "Client",
    "ClientError",
    "ClosedError",
    "ConnectTimeoutError",
    "ConnectionState",
    "FinalResult",
    "Message",
    "MissingTokenError",
    "MissingUrlError",
    "PartialResult",
    "ProtocolViolationError",
    "Reconnecting",
    "RefusedError",
    "ResumePolicy",
    "SessionError",
    "SessionLostError",
    "ShuttingDown",
    "StreamModeError",
    "UnreachableError",
    "connect",
]
