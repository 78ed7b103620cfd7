"""`scribewire drain`: take a server down from afar, without losing a final."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scribewire.cli.exits import CommandFault, ExitCode

if TYPE_CHECKING:
    from scribewire.cli.remote import RemoteAnswer, RemoteServer

ENDING_S: Final = 65.0
"""What a server may take to end, behind the time that its sessions have."""

_ASK_S = 1.0  # how often it is asked
_MISSES = 2  # so often in a row nobody has answered: one alone may be a packet that was lost
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
_OLD = "this server has no way to be drained from afar: send SIGTERM to its process"
_STILL_THERE = (
    "{name} still answers, though all its time to end is over: look at its log, or end its process"
)
_GOING_ON = "{name} goes on draining; nobody waits for it any more"


def drain(
    server: Annotated[
        str,
        typer.Argument(metavar="SERVER", help="Its own address, as wss://node-3.example:8000."),
    ],
    *,
    key: Annotated[
        str,
        typer.Option(
            envvar="SCRIBEWIRE_KEY",
            help="Key that was made with `scribewire keys create --admin`.",
            show_default=False,
        ),
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the server has gone.")
    ] = True,
) -> None:
    """Take a server down for good or for an update, as SIGTERM does.

    From then on it lets no session in (503, and /readyz says draining), so
    that a load balancer sends them elsewhere. Open sessions are told, and go
    on for most of the server's --drain-timeout-ms: clients that can move to
    another server do so. The others then get the finals of what was said,
    and a close that says `restart` (1012). When nobody is left the process
    ends, with exit code 0; whoever supervises it may start it again.

    Name the server itself, not a load balancer in front of several.

    It cannot be taken back. Asked again, it waits for the same end. Ctrl-C
    ends the waiting, not the draining.
    """
    from scribewire.cli.remote import RemoteServer

    remote = RemoteServer.at(server, key)
    try:
        told = begin_draining(remote)
        left_s = _count(told, "in_s")
        typer.echo(f"draining: {_sessions(told)}; at most {left_s} s until they are cut off")
        if wait:
            wait_until_gone(remote, seconds=left_s + ENDING_S, told=_count(told, "sessions"))
    except KeyboardInterrupt:
        typer.echo(_GOING_ON.format(name=remote.name), err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def begin_draining(remote: RemoteServer) -> RemoteAnswer:
    """Ask a server to drain. Raises CommandFault, whose exit code tells why it does not."""
    told = remote.ask("POST", "/v1/admin/drain")
    if told.status == HTTPStatus.ACCEPTED:
        return told
    why = told.message or "no reason was given"
    if told.status in _REFUSED:
        raise CommandFault(f"{remote.name} refuses: {why}", ExitCode.KEY_REFUSED)
    if told.status == HTTPStatus.NOT_FOUND:
        raise CommandFault(f"{remote.name}: {_OLD}")
    raise CommandFault(f"{remote.name} answers HTTP {told.status}: {why}; is it a Scribewire?")


def wait_until_gone(
    remote: RemoteServer,
    *,
    seconds: float,
    told: int,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Print how many sessions are left until the server has gone.

    `told` is how many the person knows of. Raises CommandFault once it has taken too long.
    """
    ends_at, misses = now() + seconds, 0
    while misses < _MISSES:
        if now() > ends_at:
            raise CommandFault(_STILL_THERE.format(name=remote.name))
        sleep(_ASK_S)
        health = _look(remote)
        if health is None:
            misses += 1
            continue
        if health.fields.get("status") != "draining":
            typer.echo(f"gone: another server answers at {remote.name} now")
            return
        misses = 0
        if _count(health, "sessions") != told:
            told = _count(health, "sessions")
            typer.echo(f"draining: {_sessions(health)}")
    typer.echo(f"gone: nobody answers at {remote.name} any more")


def _look(remote: RemoteServer) -> RemoteAnswer | None:
    """Return how the server does; None: it does not answer, or a proxy does in its place."""
    try:
        health = remote.ask("GET", "/healthz")
    except CommandFault:
        return None
    return health if health.status == HTTPStatus.OK else None


def _count(answer: RemoteAnswer, name: str) -> int:
    value = answer.fields.get(name)
    return value if isinstance(value, int) else 0


def _sessions(answer: RemoteAnswer) -> str:
    count = _count(answer, "sessions")
    return "1 session is open" if count == 1 else f"{count} sessions are open"
