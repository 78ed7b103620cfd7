"""`scribewire serve` with an engine that takes a fixed time and none of the processor.

`python -m bench.timed_server` takes its settings from the environment, and from `FINAL_MS` how long
a decode takes; it prints its address, and ends as the command does.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from scribewire.cli.logs import configure_logs
from scribewire.engines.engines import Engines
from scribewire.server.run import serve_until_signal
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad

if TYPE_CHECKING:
    from scribewire.recognition.requests import DecodeRequest, DecodeResult
    from scribewire.server.address import Address

FINAL_MS: Final = "BENCH_FINAL_MS"
"""The variable that says how long a decode takes."""


class TimedEngine(ScriptedEngine):
    """A scripted engine whose decodes take as long as they are told to."""

    def __init__(self, decode_s: float) -> None:
        super().__init__()
        self._decode_s = decode_s

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Wait, as for a device that decodes, then return the letters that the samples hold."""
        time.sleep(self._decode_s)
        result = super().decode(request)
        self.requests.clear()  # nobody looks at them, and each holds its audio
        return result


def _print_address(address: Address) -> None:
    sys.stdout.write(f"{address.url}\n")
    sys.stdout.flush()


def main() -> int:
    """Serve until a signal comes; return the exit code."""
    configure_logs("info", "json")
    engines = Engines(ScriptedVad(), (TimedEngine(int(os.environ[FINAL_MS]) / 1000),))
    number = asyncio.run(serve_until_signal(Settings(), engines, {}, _print_address))
    return 0 if number is None else 128 + number


if __name__ == "__main__":
    sys.exit(main())
