"""The fields of a server's message, read tolerantly: what a client's side of any dialect needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

from scribewire.errors import ServerFault
from scribewire.protocol.quoting import describe
from scribewire.protocol.strict_json import (
    MAX_MESSAGE_BYTES,
    Fields,
    MalformedJsonError,
    fits,
    load_json,
)
from scribewire.types import Word


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


def read_text(fields: Fields, name: str) -> str:
    """Return a field that must be a string, or raise `ServerFault`."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise ServerFault(f"the server sent {name} {describe(value)}: expected a string")
    return value


def read_optional_text(fields: Fields, name: str) -> str | None:
    """Return a field that may be absent or null, else as `read_text`."""
    return None if fields.get(name) is None else read_text(fields, name)


def read_number(fields: Fields, name: str) -> float:
    """Return a field that must be a finite number, or raise `ServerFault`."""
    value = fields.get(name)
    if not _is_number(value):
        raise ServerFault(f"the server sent {name} {describe(value)}: expected a number")
    return value


def read_optional_integer(fields: Fields, name: str) -> int | None:
    """Return a field that may be absent or null, else as `read_number`, without its fraction."""
    return None if fields.get(name) is None else int(read_number(fields, name))


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
