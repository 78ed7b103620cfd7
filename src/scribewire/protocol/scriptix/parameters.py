"""The wishes of a session as this dialect writes them, in the request or in `start`.

A wish is one entry of a table: its name on the wire, how it is read and written, and what was
expected where it cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

from scribewire.errors import ClientFault
from scribewire.protocol.quoting import describe, shorten
from scribewire.protocol.strict_json import Fields
from scribewire.types import Mode, Pace
from scribewire.wishes import AUTO, USUAL, Wishes

MIN_ENDPOINTING_MS = 100  # shorter than the pauses inside words
MAX_ENDPOINTING_MS = 5000  # longer and finals come too late to be of use

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[Value]):
    """One wish on the wire."""

    name: str
    read: Callable[[Wishes, Value], Wishes]
    """Return the wishes with this one granted; ValueError for a value that cannot be one."""
    write: Callable[[Wishes], Value]
    expected: str
    """What to send instead, for people."""
    is_secret: bool = False
    """Whether the value may hold credentials, so that no message quotes it."""


def read_query(
    given: Mapping[str, str], table: Iterable[Parameter[str]]
) -> tuple[Wishes, ClientFault | None]:
    """Return what the parameters of a request ask for, and the fault of the first bad one."""
    wishes, fault = USUAL, None
    for parameter in table:
        text = given.get(parameter.name)
        if not text:  # an empty value counts as not given
            continue
        try:
            wishes = parameter.read(wishes, text)
        except ValueError:
            shown = "" if parameter.is_secret else f" {shorten(text)}"
            logged = f"{parameter.name}: expected {parameter.expected}"
            message = f"{parameter.name}{shown}: expected {parameter.expected}"
            fault = fault or ClientFault(message, logged=logged)
    return wishes, fault


def write_query(wishes: Wishes, table: Iterable[Parameter[str]]) -> dict[str, str]:
    """Return the parameters that ask for these wishes; what every session has is left out."""
    return {one.name: text for one in table if (text := one.write(wishes)) != one.write(USUAL)}


def read_start(fields: Fields) -> Wishes:
    """Return what the fields of `start` ask for, or raise `ClientFault`; null is left out."""
    wishes = USUAL
    for field in START:
        value = fields.get(field.name)
        if value is None:
            continue
        try:
            wishes = field.read(wishes, value)
        except ValueError:
            remedy = f"expected {field.expected}; correct it in `start`"
            message = f"{field.name} {describe(value)}: {remedy}"
            raise ClientFault(message, logged=f"{field.name}: {remedy}") from None
    return wishes


def write_start(wishes: Wishes) -> Fields:
    """Return the fields of `start` that ask for these wishes; the usual is left out."""
    return {one.name: value for one in START if (value := one.write(wishes)) != one.write(USUAL)}


def with_start(wishes: Wishes, start: Wishes) -> Wishes:
    """Return what the request has asked for, with what only `start` can ask for."""
    for field in START:
        wishes = field.read(wishes, field.write(start))
    return wishes


def is_stream_url(text: str) -> bool:
    """Tell whether stream mode may be asked for this address, as far as its form says."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # a broken IPv6 address
        return False


# How values are read: each raises ValueError for what it cannot read.


def _as_mode(text: str) -> Mode:
    match text:
        case "fast" | "quality":
            return text
        case _:
            raise ValueError


def _as_pace(text: str) -> Pace:
    match text:
        case "fast" | "realtime":
            return text
        case _:
            raise ValueError


def _as_language(text: str) -> str:
    return AUTO if text.lower() == AUTO else _as_language_code(text)


def _as_languages(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_as_language_code(one) for one in text.split(",")))


def _as_language_code(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}([-_][A-Za-z0-9]+)*", text):
        raise ValueError
    return text[:2].lower()


def _as_endpointing_ms(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError
    endpointing_ms = int(text)
    if not MIN_ENDPOINTING_MS <= endpointing_ms <= MAX_ENDPOINTING_MS:
        raise ValueError
    return endpointing_ms


def _as_track(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise ValueError
    return int(text)


def _as_url(text: str) -> str:
    if not is_stream_url(text):
        raise ValueError
    return text


def _as_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _as_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - what is wrong is the client's value
    return value


def _write_flag(flag: bool) -> str:
    return "true" if flag else "false"


def _write_optional(value: str | int | None) -> str:
    return "" if value is None else str(value)  # empty counts as left out


# The tables.

REQUEST: Final[tuple[Parameter[str], ...]] = (
    Parameter(
        "type",
        lambda wishes, text: replace(wishes, mode=_as_mode(text)),
        lambda wishes: wishes.mode,
        "`fast` or `quality`",
    ),
    Parameter(
        "language",
        lambda wishes, text: replace(wishes, language=_as_language(text)),
        lambda wishes: _write_optional(wishes.language),
        "an ISO 639-1 code of two letters such as `en`, or `auto`",
    ),
    Parameter(
        "languages",
        lambda wishes, text: replace(wishes, languages=_as_languages(text)),
        lambda wishes: ",".join(wishes.languages),
        "ISO 639-1 codes with commas between them, such as `en,nl`",
    ),
    Parameter(
        "endpointing",
        lambda wishes, text: replace(wishes, endpointing_ms=_as_endpointing_ms(text)),
        lambda wishes: _write_optional(wishes.endpointing_ms),
        f"{MIN_ENDPOINTING_MS} to {MAX_ENDPOINTING_MS} (milliseconds)",
    ),
    Parameter(
        "diarize",
        lambda wishes, text: replace(wishes, speakers=_as_flag(text)),
        lambda wishes: _write_flag(wishes.speakers),
        "`true` or `false`",
    ),
)
"""In the query of every request."""

STREAM_REQUEST: Final[tuple[Parameter[str], ...]] = (
    *REQUEST,
    Parameter(
        "pace",
        lambda wishes, text: replace(wishes, pace=_as_pace(text)),
        lambda wishes: wishes.pace,
        "`fast` or `realtime`",
    ),
    Parameter(
        "track",
        lambda wishes, text: replace(wishes, track=_as_track(text)),
        lambda wishes: _write_optional(wishes.track),
        "the number of an audio track, from 1 to 99",
    ),
    Parameter(
        "url",
        lambda wishes, text: replace(wishes, url=_as_url(text)),
        lambda wishes: _write_optional(wishes.url),
        "a percent-encoded http:// or https:// address with a host",
        is_secret=True,
    ),
)
"""In the query of a request for stream mode."""

START: Final[tuple[Parameter[object], ...]] = (
    Parameter(
        "partial",
        lambda wishes, value: replace(wishes, partials=_as_bool(value)),
        lambda wishes: wishes.partials,
        "true or false",
    ),
    Parameter(
        "actual_numbers",
        lambda wishes, value: replace(wishes, digits=_as_bool(value)),
        lambda wishes: wishes.digits,
        "true or false",
    ),
)
"""In `start`, which stream mode does not have."""
