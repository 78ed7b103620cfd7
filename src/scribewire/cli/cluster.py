"""`scribewire cluster`: which servers there are, as NATS knows it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.key_reports import aligned
from scribewire.cli.logs import configure_logs
from scribewire.cli.options import Format, Given, read_settings, with_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.cluster.announcing import Announcement

_UNNAMED: Final = "name its NATS with --cluster or SCRIBEWIRE_CLUSTER, as nats://HOST:4222"
_MISSING: Final = "it needs nats-py, which is not installed: pip install 'scribewire[cluster]'"

cluster = typer.Typer(
    help="Look at the servers of a cluster.",
    epilog="Example: scribewire cluster status --cluster nats://nats.internal:4222",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@cluster.callback()
def _several() -> None:
    """Be a group, though there is one command."""


@cluster.command()
@with_settings("cluster")
def status(
    *,
    settings: Given,
    output: Annotated[
        Format, typer.Option("--format", help="Lines of text, or one JSON object.")
    ] = "text",
) -> None:
    """List the servers that are there, with their sessions and their room.

    ROOM is how many more sessions of the default language each would let
    in. A server that has died is listed for up to 6 s.
    """
    chosen = read_settings(settings)
    if not chosen.cluster:
        raise CommandFault(_UNNAMED, ExitCode.USAGE)
    configure_logs("error")
    found = asyncio.run(_look(chosen.cluster))
    if output == "json":
        typer.echo(json.dumps({"servers": describe(found)}))
    else:
        typer.echo("\n".join(table(found)))


async def _look(urls: tuple[str, ...]) -> Mapping[str, Announcement]:
    try:
        from scribewire.cluster.membership import join_cluster
    except ModuleNotFoundError:
        raise CommandFault(_MISSING) from None
    async with join_cluster(urls) as joined:
        if not joined.connection.is_up:
            told = f"NATS at {joined.connection.where}: {joined.connection.trouble}"
            raise CommandFault(told, ExitCode.UNREACHABLE)
        return joined.servers.present


def table(servers: Mapping[str, Announcement]) -> list[str]:
    """Return a line for each server, with a head."""
    rows = [("SERVER", "STATE", "SESSIONS", "ROOM", "VERSION", "LANGUAGES", "MODELS")]
    rows += [
        (
            server_id,
            told.state,
            str(told.sessions),
            str(told.room),
            told.version,
            ",".join(told.languages),
            ",".join(told.models),
        )
        for server_id, told in sorted(servers.items())
    ]
    return aligned(rows)


def describe(servers: Mapping[str, Announcement]) -> list[dict[str, object]]:
    """Return the servers for a program."""
    return [
        {
            "id": server_id,
            "state": told.state,
            "sessions": told.sessions,
            "room": told.room,
            "version": told.version,
            "languages": told.languages,
            "models": told.models,
        }
        for server_id, told in sorted(servers.items())
    ]
