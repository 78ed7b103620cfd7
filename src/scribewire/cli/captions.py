"""What a transcript looks like: results in, lines out, nothing drawn and nothing known of a screen.

A line is for good, one for each final. What is still being said is `live`: it is replaced by
the next partial and vanishes into the final.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.cli.options import Format
from scribewire.protocol.results import FinalResult
from scribewire.protocol.scriptix.codec import serialise_server

if TYPE_CHECKING:
    from scribewire.protocol.results import ResultMessage


class Captions:
    """Say what is to be printed for each result, and what stands below it meanwhile."""

    def __init__(self, output: Format) -> None:
        self._output = output
        self.live = ""  # the open utterance as shown so far; text only
        self.has_speech = False  # whether any final had text

    def receive(self, result: ResultMessage) -> str | None:
        """Take the next result; return the line that it adds for good, if any."""
        is_final = isinstance(result, FinalResult)
        self.has_speech = self.has_speech or (is_final and bool(result.text))
        if self._output == "json":
            return serialise_server(result)
        self.live = "" if is_final else result.text
        return result.text or None if is_final else None


def format_time(ms: int) -> str:
    """Return a position in a stream as people write it: 1:05, or 1:02:03."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
