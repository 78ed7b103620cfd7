"""Tables and progress for a terminal and for pasting into a page."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

from bench.bootstrap import Estimate

NOTHING = "-"


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines with the first column to the left, the others to the right."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    rule = ["-" * width for width in widths]
    lines = []
    for first, *others in (table[0], rule, *table[1:]):
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def format_rate(rate: Estimate | None) -> str:
    """Return a percentage with its interval, without the sign."""
    if rate is None:
        return NOTHING
    return f"{rate.value:.1f} [{rate.low:.1f}, {rate.high:.1f}]"


def format_difference(difference: Estimate | None) -> str:
    """Return a difference with its interval; below zero is always written with its sign."""
    if difference is None:
        return NOTHING
    return f"{difference.value:+.1f} [{difference.low:+.1f}, {difference.high:+.1f}]"


class Progress:
    """One line on stderr that says how far a measurement is."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._end = "\r" if sys.stderr.isatty() else "\n"
        self._show()

    def advance(self) -> None:
        """One more is done."""
        self._done += 1
        if sys.stderr.isatty() or self._done % 25 == 0 or self._done == self._total:
            self._show()

    def _show(self) -> None:
        seconds = time.monotonic() - self._began
        end = "\n" if self._done == self._total else self._end
        line = f"{self._title}: {self._done}/{self._total}, {seconds:.0f} s"
        print(line, end=end, file=sys.stderr, flush=True)
