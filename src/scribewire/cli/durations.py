"""Times to come, as a person writes them: `30d`, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from scribewire.cli.exits import CommandFault, ExitCode

EXPECTED: Final = "expected a time from now as 90m, 12h or 30d"

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,6})([smhd])")


def parse_duration_s(text: str, option: str) -> int:
    """Return the seconds of `90m`, `12h` or `30d`. Raises CommandFault."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise CommandFault(f"{option} {text}: {EXPECTED}", ExitCode.USAGE)
    return int(found[1]) * _UNITS_S[found[2]]


def parse_time(text: str, option: str, *, now: float) -> int:
    """Return a time in Unix seconds: so long from now, or a date or time in ISO 8601.

    Without a zone that is in UTC. Raises CommandFault.
    """
    if _DURATION.fullmatch(text.strip().lower()):
        return int(now) + parse_duration_s(text, option)
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        told = f"{option} {text}: {EXPECTED}, or a date as 2030-12-31"
        raise CommandFault(told, ExitCode.USAGE) from None
    return int((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp())


def format_time(at: float | None) -> str | None:
    """Return a time in Unix seconds as ISO 8601 in UTC; None for none."""
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
