"""How much memory this process holds."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_PAGE_BYTES = resource.getpagesize()
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
_STATM = Path("/proc/self/statm")


def held_bytes() -> int:
    """Return what it holds now; where the system does not tell, the most it has held."""
    held = _told_bytes()
    return _told_peak_bytes() if held is None else held


def peak_bytes() -> int:
    """Return the most that it has held, which is never less than what it holds now."""
    # The system notes a peak when memory is given back, and counts by processor until then.
    return max(_told_peak_bytes(), _told_bytes() or 0)


def _told_bytes() -> int | None:
    try:
        return int(_STATM.read_text("ascii").split()[1]) * _PAGE_BYTES
    except OSError:
        return None


def _told_peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
