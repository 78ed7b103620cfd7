"""Requests and results as bytes and back, for workers elsewhere; checkpoints for other processes.

    magic  version  header length  header          arrays and states
    3 B    1 B      4 B            JSON in ASCII   in their order, without gaps

The header names the kind and holds its fields; where a field is an array or bytes, it holds how
many bytes of what follows are its own. Numbers are little-endian, arrays float32, so a value is
equal after the trip to the last bit. JSON and arrays behind it need no library and anybody can read
them; a library would save the few lines of framing and leave the checks to us. What comes back is
checked as whatever comes from a network: it names none but these kinds, gives a field none but its
own type, and takes up little more memory than it has bytes.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Final, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np

from scribewire.errors import ServerFault
from scribewire.recognition.checkpoint import Checkpoint
from scribewire.recognition.requests import Request, Result

VERSION = 1
MAX_PARCEL_BYTES = 64 * 2**20  # a quarter of an hour of audio: nobody asks for as much at once
MAX_HEADER_BYTES = 2**20  # thousands of tokens

_T = TypeVar("_T")

_MAGIC = b"swp"
_HEAD = struct.Struct("<3sBI")
_NUMBER = np.dtype("<f4")
_KINDS: Final = {kind.__name__: kind for kind in get_args(Request | Result)}
_ARRAYS: Final = {"Samples": np.ndarray, "Vector": np.ndarray}  # names that only type checkers see


def pack(value: Request | Result | Checkpoint) -> bytes:
    """Return the parcel of a value, which `unpack` opens, or `unpack_checkpoint`."""
    behind: list[bytes] = []
    written = _write(value, behind)
    header = json.dumps([type(value).__name__, written], separators=(",", ":")).encode("ascii")
    return b"".join([_HEAD.pack(_MAGIC, VERSION, len(header)), header, *behind])


def unpack(parcel: bytes) -> Request | Result:
    """Return the value in a parcel. Raises ServerFault, which says why it is none."""
    try:
        return cast("Request | Result", _unpack(parcel, _KINDS))  # one of them
    except (ValueError, OverflowError, RecursionError, AssertionError) as error:
        raise ServerFault(f"not a request or a result: {error}") from error


def unpack_checkpoint(parcel: bytes) -> Checkpoint:
    """Return the checkpoint in a parcel. Raises ServerFault, which says why it is none."""
    try:
        return cast("Checkpoint", _unpack(parcel, {Checkpoint.__name__: Checkpoint}))
    except (ValueError, OverflowError, RecursionError, AssertionError) as error:
        raise ServerFault(f"no checkpoint: {error}") from error


def _unpack(parcel: bytes, kinds: Mapping[str, type]) -> object:
    if not _HEAD.size <= len(parcel) <= MAX_PARCEL_BYTES:
        raise ValueError(f"{len(parcel)} bytes: expected {_HEAD.size} to {MAX_PARCEL_BYTES}")
    magic, version, header_bytes = _HEAD.unpack_from(parcel)
    if magic != _MAGIC:
        raise ValueError(f"it begins with {magic!r}: expected {_MAGIC!r}")
    if version != VERSION:
        raise ValueError(f"version {version}: expected {VERSION}, as this Scribewire writes it")
    behind = _Behind(parcel, _HEAD.size)
    if header_bytes > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {header_bytes} bytes: expected at most {MAX_HEADER_BYTES}")
    header = json.loads(behind.next_bytes(header_bytes).decode("ascii"))
    match header:
        case [str() as name, written] if name in kinds:
            value = _read(kinds[name], written, behind)
        case _:
            raise ValueError(f"unknown kind: expected one of {', '.join(sorted(kinds))}")
    behind.check_empty()
    return value


class _Behind:
    """The bytes of a parcel that are still to be read."""

    def __init__(self, parcel: bytes, at: int) -> None:
        self._parcel = parcel
        self._at = at

    def next_bytes(self, count: object) -> bytes:
        left = len(self._parcel) - self._at
        if type(count) is not int or not 0 <= count <= left:
            raise ValueError(f"a length of {count!r} with {left} bytes left")
        self._at += count
        return self._parcel[self._at - count : self._at]

    def check_empty(self) -> None:
        if self._at != len(self._parcel):
            raise ValueError(f"{len(self._parcel) - self._at} bytes belong to no field")


def _write(value: object, behind: list[bytes]) -> object:
    if isinstance(value, np.ndarray):
        assert value.ndim == 1, "samples and vectors have one dimension"
        value = np.asarray(value, _NUMBER).tobytes()
    if isinstance(value, bytes):
        behind.append(value)
        return len(value)
    if isinstance(value, tuple):
        return [_write(item, behind) for item in value]
    if is_dataclass(value):
        return {field.name: _write(getattr(value, field.name), behind) for field in fields(value)}
    return value.item() if isinstance(value, np.generic) else value


def _read(hint: object, written: object, behind: _Behind) -> object:
    """Return what was written, if it is what a field of this type may hold."""
    if isinstance(hint, UnionType):
        (present,) = (member for member in get_args(hint) if member is not NoneType)
        return None if written is None else _read(present, written, behind)
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], item, behind) for item in _checked(list, written))
    if hint is np.ndarray:
        return np.frombuffer(behind.next_bytes(written), _NUMBER).astype(np.float32)
    if hint is bytes:
        return behind.next_bytes(written)
    if hint is float and type(written) is int:
        return float(written)
    assert isinstance(hint, type)
    if is_dataclass(hint):
        return _read_fields(hint, _checked(dict, written), behind)
    return _checked(hint, written)


def _read_fields(kind: type, written: Mapping[str, object], behind: _Behind) -> object:
    hints = _hints(kind)
    if written.keys() != hints.keys():
        raise ValueError(f"{kind.__name__} with other fields than {', '.join(hints)}")
    return kind(**{name: _read(hints[name], written[name], behind) for name in hints})


@functools.cache
def _hints(kind: type) -> Mapping[str, object]:
    """Return the type of each field, in their order."""
    return get_type_hints(kind, localns=_ARRAYS)


def _checked(kind: type[_T], written: object) -> _T:
    if type(written) is not kind:
        raise ValueError(f"{type(written).__name__} where {kind.__name__} was expected")
    return written
