"""Units of systemd, as far as the tests of ours need them: options, and the calls of a filter."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from tests.parts.installed import find_part


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit file: each option with its values, in their order."""

    options: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, text: str) -> Unit:
        """Read a unit file. Sections do not matter: no name is in two."""
        found: dict[str, list[str]] = {}
        for line in text.splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith("#"):
                found.setdefault(name, []).append(value)
        return cls({name: tuple(values) for name, values in found.items()})

    def value(self, name: str) -> str:
        """Return an option that is there once."""
        (value,) = self.options[name]
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Return all values of an option, word by word."""
        return tuple(" ".join(self.options.get(name, ())).split())

    def is_on(self, name: str) -> bool:
        """Tell whether a switch is set."""
        return self.options.get(name) == ("yes",)


def allowed_calls(unit: Unit) -> frozenset[str]:
    """Return the system calls that `SystemCallFilter=` leaves, by the sets that systemd knows.

    A line adds to what is allowed, and one that begins with `~` takes away.
    """
    known = _sets()
    allowed = known["@default"].copy()
    for line in unit.options["SystemCallFilter"]:
        takes, words = line.startswith("~"), line.removeprefix("~").split()
        calls = set[str]().union(*(known.get(word, {word}) for word in words))
        allowed = allowed - calls if takes else allowed | calls
    return frozenset(allowed)


def _sets() -> dict[str, set[str]]:
    command = [find_part("systemd-analyze"), "syscall-filter", "--no-pager"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    named: dict[str, list[str]] = {}
    # After the sets come the calls that are in none.
    for line in re.split(r"^# ", printed, flags=re.MULTILINE)[0].splitlines():
        if line.startswith("@"):
            members = named.setdefault(line.strip(), [])
        elif line.strip() and not line.strip().startswith("#"):
            members.append(line.strip())

    def flat(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        return set[str]().union(*map(flat, named[name]))

    return {name: flat(name) for name in named}
