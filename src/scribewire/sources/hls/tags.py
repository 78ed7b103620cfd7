"""The notation of HLS playlists (RFC 8216): lists of attributes, numbers and dates."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

_ATTRIBUTE: Final = re.compile(r'(?:^|,)\s*+([A-Za-z0-9-]++)\s*+=\s*+(?:"([^"]*+)"|([^",]*+))')


def read_attributes(text: str) -> dict[str, str]:
    """Return the attributes of a tag by their names, in capitals; what is none is left out."""
    return {name.upper(): quoted or bare.strip() for name, quoted, bare in _ATTRIBUTE.findall(text)}


def finite(text: str | None) -> float | None:
    """Return a number; None where there is none, or none that can be counted with."""
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_date(text: str) -> float | None:
    """Return a date in seconds since 1970; None where it is none. Without a zone it is UTC."""
    try:
        date = datetime.fromisoformat(text.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
