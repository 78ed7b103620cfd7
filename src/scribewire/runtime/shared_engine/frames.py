"""Messages between a server and an engine process: bytes of a stream to messages and back.

    kind  number  length  body
    1 B   8 B     4 B

The number is that of a call, which its answer bears too. A request or result is a parcel
(parcel.py); what else there is is JSON. Both ends are programs of one user on one machine and of
one version, which they tell each other first. What comes is checked all the same.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from scribewire.errors import ServerFault
from scribewire.recognition.requests import Request, Result
from scribewire.runtime.parcel import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_BODY_BYTES: Final = 16 * 2**20  # four minutes of audio: a final hears less than one
MAX_NAME_BYTES: Final = 255
MAX_WORDS: Final = 2_000

_HEAD = struct.Struct("<BQI")
_TIMES = struct.Struct("<dd")
_ASK_BYTES = 2  # before the name


class FrameKind(IntEnum):
    """What a message is."""

    HELLO = 1
    """Who is there; the first of each side."""
    LOAD = 2
    """A server asks for a model to be brought into memory; its name."""
    LOADED = 3
    """The model is there; on which device."""
    ASK = 4
    """A request: whether it is ahead, the name of the model that it is for, and its parcel."""
    ANSWER = 5
    """Its result."""
    FAULT = 6
    """Why there is none, in words."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    kind: FrameKind
    number: int
    body: bytes

    def pack(self) -> bytes:
        """Return it as it goes over the socket. Raises ServerFault where it is too large."""
        if len(self.body) > MAX_BODY_BYTES:
            raise ServerFault(
                f"a call of {len(self.body)} bytes: an engine process takes up to {MAX_BODY_BYTES}"
            )
        return _HEAD.pack(self.kind, self.number, len(self.body)) + self.body


@dataclass(frozen=True, slots=True)
class Answered:
    """The body of an answer."""

    busy_s: float
    """How much of a worker's time it took."""
    others_share: float
    """Which part of their time other servers take, lately."""
    parcel: bytes

    def pack(self) -> bytes:
        """Return it as bytes."""
        return _TIMES.pack(self.busy_s, self.others_share) + self.parcel


def read_frame(read: Callable[[int], bytes]) -> Frame | None:
    """Return the next message; None at the end of the stream.

    `read` returns so many bytes, or fewer at the end. Raises ServerFault for what is no message.
    """
    head = read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise ServerFault("the connection ended inside a message")
    kind, number, size = _HEAD.unpack(head)
    if kind not in set(FrameKind) or size > MAX_BODY_BYTES:
        raise ServerFault(f"no message of this version: kind {kind}, {size} bytes")
    body = read(size)
    if len(body) < size:
        raise ServerFault("the connection ended inside a message")
    return Frame(FrameKind(kind), number, body)


@dataclass(frozen=True, slots=True)
class AskedCall:
    """The body of a request for a model."""

    name: str
    """The model's."""
    parcel: bytes
    is_ahead: bool = False
    """Whether calls that are not go before it."""

    def pack(self) -> bytes:
        """Return it as bytes. Raises ServerFault."""
        called = self.name.encode()
        if len(called) > MAX_NAME_BYTES:
            raise ServerFault(f"model {self.name}: a name of more than {MAX_NAME_BYTES} bytes")
        return bytes([self.is_ahead, len(called)]) + called + self.parcel


def unpack_ask(body: bytes) -> AskedCall:
    """Return what a body asks for. Raises ServerFault."""
    if len(body) < _ASK_BYTES or len(body) <= _ASK_BYTES + body[1]:
        raise ServerFault("a call without a request")
    end = _ASK_BYTES + body[1]
    name = body[_ASK_BYTES:end].decode(errors="replace")
    return AskedCall(name, body[end:], is_ahead=bool(body[0]))


def unpack_answer(body: bytes) -> Answered:
    """Return what an answer holds. Raises ServerFault."""
    if len(body) < _TIMES.size:
        raise ServerFault("an answer without a result")
    busy_s, others_share = _TIMES.unpack_from(body)
    return Answered(busy_s, others_share, body[_TIMES.size :])


def read_request(parcel: bytes) -> Request:
    """Return the request in a parcel. Raises ServerFault."""
    value = unpack(parcel)
    if not isinstance(value, Request):
        raise ServerFault(f"{type(value).__name__}: expected a request")
    return value


def read_result(parcel: bytes) -> Result:
    """Return the result in a parcel. Raises ServerFault."""
    value = unpack(parcel)
    if not isinstance(value, Result):
        raise ServerFault(f"{type(value).__name__}: expected a result")
    return value


def pack_told(told: Mapping[str, object]) -> bytes:
    """Return an object as the body of a message."""
    return json.dumps(told, separators=(",", ":")).encode()


def unpack_told(body: bytes) -> Mapping[str, object]:
    """Return the object in a body. Raises ServerFault."""
    try:
        told = json.loads(body)
    except ValueError as error:
        raise ServerFault(f"a message that is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ServerFault("a message that is no object")
    return told


def pack_words(error: BaseException) -> bytes:
    """Return the body of a fault: what a server may log."""
    is_ours = isinstance(error, ServerFault)
    words = str(error) if is_ours else f"{type(error).__name__}: {error}"
    return pack_told({"words": words[:MAX_WORDS]})
