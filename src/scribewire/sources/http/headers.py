"""The header fields of an answer, found whatever their case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Look header fields up by name in any case; of a repeated one, the first."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name.lower(), []).append(value)

    def all(self, name: str) -> list[str]:
        """Return the values of a field in their order, as often as it was repeated."""
        return self._values.get(name.lower(), [])

    def elements(self, name: str) -> list[str]:
        """Return what a field lists, in lower case, over all its lines."""
        listed = ",".join(self.all(name)).lower().split(",")
        return [element for text in listed if (element := text.strip())]

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
