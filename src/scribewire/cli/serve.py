"""`scribewire serve`: settings from options and environment, then the server."""

from __future__ import annotations

import errno
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.logs import configure_logs, log_what_nobody_catches
from scribewire.cli.options import Given, read_settings, with_settings
from scribewire.errors import ScribewireError
from scribewire.log_line import LogLine
from scribewire.settings import OPTIONS, LogFormat, Settings

if TYPE_CHECKING:
    from scribewire.server.address import Address

_log = logging.getLogger("scribewire.server")

ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach it from here


@with_settings(*OPTIONS)
def serve(settings: Given) -> None:
    """Serve real-time speech-to-text over WebSockets, until Ctrl-C or SIGTERM.

    Sessions that are open then still get the finals of what was said: at
    Ctrl-C at once; at SIGTERM they go on for most of --drain-timeout-ms
    first, to move elsewhere. A second signal cuts them off.

    An option overrides the environment: --port overrides SCRIBEWIRE_PORT,
    --key SCRIBEWIRE_KEYS, and so on.
    """
    chosen = read_settings(settings)
    configure_logs(chosen.log_level, chosen.log_format)
    log_what_nobody_catches()
    try:
        run_server(chosen)
    except (CommandFault, ScribewireError) as fault:
        if chosen.log_format == "text":
            raise
        tell_fault(fault, chosen.log_format)
        code = fault.code if isinstance(fault, CommandFault) else ExitCode.FAILED
        raise typer.Exit(code) from None


def tell_fault(fault: CommandFault | ScribewireError, log_format: LogFormat) -> None:
    """Say on standard error why there is no server."""
    if log_format == "text":
        print(f"scribewire: {fault}", file=sys.stderr)  # noqa: T201 - it talks to a person
    else:
        _log.critical(LogLine("cannot_serve", "x {reason}", reason=fault))


def run_server(settings: Settings) -> None:
    """Serve with these settings; where there are no keys, make one and show it."""
    from scribewire.keys.configured import make_key
    from scribewire.keys.place import database_of

    made_key = None if settings.keys or database_of(settings) else make_key()
    if made_key is not None:
        settings = settings.model_copy(update={"keys": (made_key,)})

    def on_listening(address: Address) -> None:
        print_announcement(announce(address, made_key, has_page=settings.page))

    if settings.processes > 1:
        from scribewire.cli.processes import serve_processes

        raise typer.Exit(serve_processes(settings, on_listening))
    from scribewire.server.run import serve as serve_until_signal

    number = serve_until_signal(settings, on_listening=on_listening)
    if number is not None:
        raise typer.Exit(ExitCode(128 + number))


def print_announcement(text: str) -> None:
    """Print where the server is, or raise CommandFault: unannounced it would be of no use."""
    if sys.stdout is None:  # closed before we were started
        raise _unannounced(os.strerror(errno.EBADF))
    try:
        print(text, flush=True)  # noqa: T201 - for people and programs
    except OSError as error:
        # What is still in its buffer must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _unannounced(error.strerror) from error


def _unannounced(reason: str | None) -> CommandFault:
    return CommandFault(
        f"standard output: {reason}; the address is printed there, and the key if one was made: "
        "open it, or send it to /dev/null and set SCRIBEWIRE_KEYS"
    )


def announce(address: Address, made_key: str | None, *, has_page: bool) -> str:
    """Return what is printed once the port is open: `name: value` lines, for programs too."""
    lines = [f"listening: {address.url}"]
    reachable = replace(address, host=ANY_HOST.get(address.host, address.host))
    if made_key is not None:
        lines += [
            f"key: {made_key}",
            f"try: scribewire transcribe mic --server {reachable.url} --key KEY",
        ]
    if has_page:
        lines.append(f"page: {reachable.page_url}")
    return "\n".join(lines)
