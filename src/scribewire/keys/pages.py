"""Lists that may be long, a page at a time: where one ends, and how to ask for the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, Generic, TypeVar

from scribewire.keys.key_text import KEY_ID

CURSOR_OF_KEYS: Final = rf"^([0-9]{{1,12}}\.{KEY_ID.pattern})?$"
"""When the last key of a page was made, and its name; empty: there was none."""
CURSOR_OF_USAGE: Final = r"^([1-9][0-9]{0,5}\.[0-9a-z_]{1,16})?$"
"""The last day of a page, counted from that of the year 1, and the key; empty as above."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list."""

    items: list[Item]
    cursor: str | None
    """Where the next one begins; None: this is the last."""


def cut_page(found: list[Item], limit: int, cursor_of: Callable[[Item], str]) -> Page[Item]:
    """Return a page of what was found; one more than `limit` says that others follow."""
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], cursor_of(found[limit - 1]))


def read_cursor_of_keys(cursor: str) -> tuple[int, str]:
    """Return when the last key was made, and its name. The cursor matches its pattern."""
    made_at, _, key_id = cursor.partition(".")
    return int(made_at), key_id


def read_cursor_of_usage(cursor: str) -> tuple[date, str]:
    """Return the last day and its last key. The cursor matches its pattern."""
    day, _, key_id = cursor.partition(".")
    return date.fromordinal(int(day)), key_id
