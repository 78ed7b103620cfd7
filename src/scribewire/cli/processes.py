"""`scribewire serve --processes`: several server processes that share a port, and who keeps them.

What they share is decided here: the port, the cores, the sessions that there may be, and a NATS of
their own where none is named. Who keeps them is the supervisor (supervisor.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING, Final

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.one_process import ProcessPart
from scribewire.cli.supervisor import Supervisor
from scribewire.cluster.embedded import running_nats
from scribewire.keys.place import database_of
from scribewire.log_line import LogLine
from scribewire.runtime.cores import available_cores, share_out_cores
from scribewire.server.address import address_of, bind
from scribewire.server.siblings import making_board

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from scribewire.runtime.cores import CoreShare
    from scribewire.server.address import Address
    from scribewire.server.siblings import Board
    from scribewire.settings import Settings

ONE_PROCESS: Final = (sys.executable, "-m", "scribewire.cli.one_process")
MOST_PORTS: Final = 65_535

_TOO_MANY = "! {count} server processes share {cores} cores: finals of one wait for the others'"

_log = logging.getLogger("scribewire.server")


def serve_processes(
    settings: Settings,
    on_listening: Callable[[Address], None],
    *,
    command: Sequence[str] = ONE_PROCESS,
) -> int:
    """Serve with several processes until a signal or an operator ends them; return the exit code.

    Raises CommandFault and ServerFault where they cannot be started.
    """
    check_settings(settings)
    with (
        bind(settings.host, settings.port) as bound,
        making_board(settings.processes) as board,
    ):
        return asyncio.run(_serve_all(settings, bound, board, on_listening, command))


def check_settings(settings: Settings) -> None:
    """Raise CommandFault where settings leave nothing for each process."""
    count, metrics_port = settings.processes, settings.metrics_port
    if os.name != "posix":
        raise CommandFault("--processes: this system cannot share a port", ExitCode.USAGE)
    if metrics_port and metrics_port + count - 1 > MOST_PORTS:
        told = f"--metrics-port {metrics_port}: each of {count} processes takes the next one"
        raise CommandFault(f"{told}; expected {MOST_PORTS + 1 - count} at most", ExitCode.USAGE)
    if settings.max_sessions is not None and settings.max_sessions < count:
        told = f"--max-sessions {settings.max_sessions}: expected one or more for each of {count}"
        raise CommandFault(f"{told} processes", ExitCode.USAGE)


async def _serve_all(
    settings: Settings,
    bound: socket.socket,
    board: Board,
    on_listening: Callable[[Address], None],
    command: Sequence[str],
) -> int:
    async with contextlib.AsyncExitStack() as owned:
        shared: dict[str, object] = {}
        if not settings.cluster:
            nats = await owned.enter_async_context(running_nats())
            shared["cluster"] = (nats.url,)
        if settings.token_secret is None and database_of(settings) is None:
            shared["token_secret"] = secrets.token_urlsafe(32)
        parts = parts_of(settings.model_copy(update=shared), bound.fileno(), board)
        address = address_of(bound, is_secure=settings.tls_cert is not None)
        try:
            return await Supervisor(parts, board, command).run(lambda: on_listening(address))
        finally:
            bound.close()  # nobody is to wait at it while NATS ends


def parts_of(settings: Settings, listening: int, board: Board) -> list[ProcessPart]:
    """Return what each process is told: what is its own of ports, cores and sessions."""
    count = settings.processes
    cores, shares = available_cores(), share_out_cores(count)
    if count > cores:
        _log.warning(LogLine("many_processes", _TOO_MANY, count=count, cores=cores))
    return [
        ProcessPart(
            settings=own_settings(settings, number, share).model_dump(mode="json"),
            number=number,
            count=count,
            workers=share.workers,
            bound_to=None if share.bound_to is None else sorted(share.bound_to),
            listening=listening,
            board=board.descriptor,
        )
        for number, share in enumerate(shares)
    ]


def own_settings(settings: Settings, number: int, share: CoreShare) -> Settings:
    """Return what one process serves with: its own metrics, its share of cores and sessions."""
    own: dict[str, object] = {"processes": 1, "workers": settings.workers or share.workers}
    if settings.metrics_port:
        own["metrics_port"] = settings.metrics_port + number
    if settings.max_sessions is not None:
        each, left = divmod(settings.max_sessions, settings.processes)
        own["max_sessions"] = each + (number < left)
    return settings.model_copy(update=own)
