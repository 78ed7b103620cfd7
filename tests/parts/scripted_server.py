"""`scribewire serve` as a process that hears what tests draw: for signals, without a model.

`python -m tests.parts.scripted_server` takes its settings from the environment, prints its address,
and ends as the command does.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from scribewire.cli.logs import configure_logs
from scribewire.engines.engines import Engines
from scribewire.server.run import serve_until_signal
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad

if TYPE_CHECKING:
    from scribewire.server.address import Address


def _print_address(address: Address) -> None:
    sys.stdout.write(f"{address.url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logs("info", "text")
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    number = asyncio.run(serve_until_signal(Settings(), engines, {}, _print_address))
    sys.exit(0 if number is None else 128 + number)
