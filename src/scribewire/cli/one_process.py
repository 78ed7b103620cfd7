"""One of several server processes that share a port: `python -m scribewire.cli.one_process`.

It is started by `scribewire serve --processes`, which tells it on standard input what to serve
with, and later when to end; what it prints is for that alone. Nothing of it is on a command line
or in an environment, where other users of the machine could read keys.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from signal import Signals
from typing import TYPE_CHECKING, Any, Final, NoReturn

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.logs import configure_logs, log_what_nobody_catches
from scribewire.cli.serve import tell_fault
from scribewire.errors import ScribewireError
from scribewire.runtime.cores import CoreShare
from scribewire.server.siblings import Board, SharedPort, Siblings
from scribewire.settings import Settings

if TYPE_CHECKING:
    from scribewire.server.address import Address

LISTENING: Final = "listening"
"""What it says once clients may come."""
DRAINED: Final = "drained"
"""What it says when an operator has asked it from afar to go down."""

Serve = Callable[[Settings, Callable[["Address"], None], SharedPort], Signals | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPart:
    """What one process is told when it is started."""

    settings: dict[str, Any]
    """Its own, as JSON has them."""
    number: int
    """Which it is, from 0 on."""
    count: int
    """How many there are."""
    workers: int
    """As in `CoreShare`."""
    bound_to: list[int] | None
    """As in `CoreShare`."""
    listening: int
    """Descriptor of the socket."""
    board: int
    """Descriptor of the memory."""

    def written(self) -> bytes:
        """Return it as a line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main(serve: Serve | None = None) -> NoReturn:
    """Serve as standard input says; ends in SystemExit. Tests have their own way to `serve`."""
    part = read_part()
    settings = Settings.model_validate(part.settings)
    configure_logs(settings.log_level, settings.log_format, process=part.number + 1)
    log_what_nobody_catches()
    bound_to = None if part.bound_to is None else frozenset(part.bound_to)
    CoreShare(part.workers, bound_to).bind()
    try:
        (serve or _serve)(settings, lambda _: say(LISTENING), _inherit(part))
    except (CommandFault, ScribewireError) as fault:
        tell_fault(fault, settings.log_format)
        sys.exit(ExitCode.FAILED)
    sys.exit(ExitCode.DONE)


def read_part() -> ProcessPart:
    """Return what standard input says first; what comes behind it is left there."""
    with io.FileIO(0, closefd=False) as unbuffered:
        return ProcessPart(**json.loads(unbuffered.readline()))


def say(word: str) -> None:
    """Tell a word to whoever has started this process; if that has gone, nobody need know."""
    try:
        os.write(1, f"{word}\n".encode())
    except OSError:
        return


def _serve(
    settings: Settings, on_listening: Callable[[Address], None], shared: SharedPort
) -> Signals | None:
    from scribewire.server.run import serve

    return serve(settings, on_listening=on_listening, shared=shared)


def _inherit(part: ProcessPart) -> SharedPort:
    for descriptor in (part.listening, part.board):  # for no program that is started here
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its name in the system's interface
    return SharedPort(
        listening=socket.socket(fileno=part.listening),
        siblings=Siblings(Board(part.board, part.count), part.number),
        orders=0,
        on_drained=lambda: say(DRAINED),
    )


if __name__ == "__main__":
    main()
