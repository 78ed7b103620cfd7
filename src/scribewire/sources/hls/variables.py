"""The variables of HLS playlists (EXT-X-DEFINE): `{$name}` in addresses and attributes."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from scribewire.sources.faults import SourceFault, invalid_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FILLED_CHARACTERS = 1 << 22
"""Put in place of variables in one playlist: as many as the longest playlist has by itself."""
NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})
_MARK: Final = "{$"
_REFERENCE: Final = re.compile(r"\{\$([A-Za-z0-9_-]{1,100})\}")
_SHOWN_CHARACTERS = 40


class Variables:
    """What one playlist has defined so far."""

    def __init__(self, query: str = "", imported: Mapping[str, str] = NO_VARIABLES) -> None:
        """Take the query of the playlist's address and what its master playlist has defined."""
        self._query = query
        self._imported = imported
        self._values: dict[str, str] = {}
        self._left = MAX_FILLED_CHARACTERS

    @property
    def values(self) -> Mapping[str, str]:
        """All of them, for the playlists that this one leads to."""
        return MappingProxyType(self._values)

    def define(self, attributes: Mapping[str, str]) -> None:
        """Take in a tag. Raises SourceFault where it stands for nothing."""
        if "NAME" in attributes:
            name, value = attributes["NAME"], attributes.get("VALUE")
        elif "IMPORT" in attributes:
            name = attributes["IMPORT"]
            value = self._imported.get(name)
        else:
            name = attributes.get("QUERYPARAM", "")
            value = _parameter(self._query, name)
        if value is None:
            raise _undefined(name)
        if name in self._values:
            raise _unusable(f"defines the variable {_shown(name)} twice")
        self._values[name] = value

    def fill(self, text: str) -> str:
        """Put values in place of references. Raises SourceFault for one that is not defined."""
        return _REFERENCE.sub(self._value_of, text) if _MARK in text else text

    def fill_all(self, attributes: dict[str, str]) -> dict[str, str]:
        """Put values in place of references in every attribute."""
        return {name: self.fill(value) for name, value in attributes.items()}

    def _value_of(self, reference: re.Match[str]) -> str:
        value = self._values.get(reference[1])
        if value is None:
            raise _undefined(reference[1])
        self._left -= len(value)
        if self._left < 0:
            raise _unusable("is too long where its variables are filled in")
        return value


def _parameter(query: str, name: str) -> str | None:
    """Return a parameter as it stands in the query, so that it is the same in another one."""
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if name and key == name and value:
            return value
    return None


def _undefined(name: str) -> SourceFault:
    return _unusable(f"uses the variable {_shown(name)}, which is not defined")


def _unusable(words: str) -> SourceFault:
    return invalid_stream(f"its playlist {words}", is_transient=True)


def _shown(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "?", name[:_SHOWN_CHARACTERS]) or "without a name"
