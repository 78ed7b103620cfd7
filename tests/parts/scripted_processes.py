"""`scribewire serve --processes` whose processes hear what tests draw, without a model.

`python -m tests.parts.scripted_processes` takes its settings from the environment and ends as the
command does; with the word `one` it is one of the processes.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from scribewire.cli.logs import configure_logs
from scribewire.cli.one_process import main
from scribewire.cli.processes import serve_processes
from scribewire.engines.engines import Engines
from scribewire.server.run import serve_until_signal
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad

if TYPE_CHECKING:
    from collections.abc import Callable
    from signal import Signals

    from scribewire.server.address import Address
    from scribewire.server.siblings import SharedPort

PROGRAM: Final = (sys.executable, "-m", "tests.parts.scripted_processes")


def _serve_scripted(
    settings: Settings, on_listening: Callable[[Address], None], shared: SharedPort
) -> Signals | None:
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    return asyncio.run(serve_until_signal(settings, engines, {}, on_listening, shared=shared))


def _print_address(address: Address) -> None:
    sys.stdout.write(f"{address.url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:] == ["one"]:
        main(_serve_scripted)
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    sys.exit(serve_processes(settings, _print_address, command=(*PROGRAM, "one")))
