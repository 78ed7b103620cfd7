"""`scribewire keys`: who may connect, kept in a database that running servers follow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from scribewire.cli.durations import parse_duration_s, parse_time
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import Format, Given, read_settings, with_settings
from scribewire.errors import ClientFault

if TYPE_CHECKING:
    from scribewire.keys.books import KeyBooks
    from scribewire.keys.records import MadeKey
    from scribewire.keys.store import KeyStore

keys = typer.Typer(
    help="Make, look at and end the keys that clients connect with.",
    epilog="Example: scribewire keys create lobby --max-sessions 2 --minutes-per-day 600",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

_Output: TypeAlias = Annotated[
    Format, typer.Option("--format", help="Lines of text, or one JSON object.")
]
_KeyId: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="What names the key, as sw_k3v9q2m7tx.")
]
_Types: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--type", help="Type of session, `fast` or `quality`; repeat it for more."),
]
_Languages: TypeAlias = Annotated[
    list[str] | None, typer.Option("--language", help="Language, as `nl`; repeat it for more.")
]
_Origins: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--origin", help="Web page that it may be used from; repeat it for more."),
]
_SourceHosts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--source-host", help="Host that stream URLs may lead to; repeat it for more."),
]
_MaxSessions: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Sessions that may be open at once.")
]
_MinutesPerDay: TypeAlias = Annotated[
    float | None, typer.Option(help="Audio of all its sessions in a day of UTC.")
]
_MinutesPerMonth: TypeAlias = Annotated[
    float | None, typer.Option(help="Audio of all its sessions in a month of UTC.")
]
_Expires: TypeAlias = Annotated[
    str | None, typer.Option(help="When it ends: in 30d, in 12h, or on 2030-12-31.")
]
_IsAdmin: TypeAlias = Annotated[
    bool, typer.Option("--admin", help="It may manage keys, and drain servers, over the network.")
]

_LIMITS = {
    "type": "types",
    "language": "languages",
    "origin": "origins",
    "source-host": "source_hosts",
    "max-sessions": "max_sessions",
    "minutes-per-day": "minutes_per_day",
    "minutes-per-month": "minutes_per_month",
    "expires": "expires_at",
}


@keys.command()
@with_settings("database")
def create(  # noqa: PLR0913 - each is an option
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it: who has it.")],
    *,
    types: _Types = None,
    languages: _Languages = None,
    origins: _Origins = None,
    source_hosts: _SourceHosts = None,
    max_sessions: _MaxSessions = None,
    minutes_per_day: _MinutesPerDay = None,
    minutes_per_month: _MinutesPerMonth = None,
    expires: _Expires = None,
    admin: _IsAdmin = False,
    settings: Given,
    output: _Output = "text",
) -> None:
    """Make a key, and show it this once.

    What is not limited here is not limited. The key is kept as a digest:
    who has lost it needs another one, see `scribewire keys rotate`. A server
    that runs takes it within seconds.
    """
    from scribewire.keys.rights import WantedRights

    now = time.time()
    wanted = WantedRights(
        name=name,
        types=types or None,
        languages=languages or None,
        origins=origins or None,
        source_hosts=source_hosts or None,
        max_sessions=max_sessions,
        minutes_per_day=minutes_per_day,
        minutes_per_month=minutes_per_month,
        expires_at=None if expires is None else parse_time(expires, "--expires", now=now),
        is_admin=admin,
    )
    with _open_store(settings, makes=True) as store:
        _print_made(store.create(wanted.as_grant(now=now), now=now), output)


@keys.command()
@with_settings("database")
def change(  # noqa: PLR0913 - each is an option
    key_id: _KeyId,
    *,
    name: Annotated[str | None, typer.Option(help="What you call it: who has it.")] = None,
    types: _Types = None,
    languages: _Languages = None,
    origins: _Origins = None,
    source_hosts: _SourceHosts = None,
    max_sessions: _MaxSessions = None,
    minutes_per_day: _MinutesPerDay = None,
    minutes_per_month: _MinutesPerMonth = None,
    expires: _Expires = None,
    lift: Annotated[
        list[str] | None,
        typer.Option(help="Limit that it has no more, as max-sessions; repeat it for more."),
    ] = None,
    settings: Given,
    output: _Output = "text",
) -> None:
    """Change what a key may do: what is named, and nothing else.

    What is repeated takes the place of all that was there. A server that runs
    follows within seconds, sessions that are open too; those above a smaller
    number go on.
    """
    from scribewire.cli.key_reports import explain
    from scribewire.keys.description import describe
    from scribewire.keys.rights import WantedRights

    now = time.time()
    wanted = WantedRights(
        name=name,
        types=types or None,
        languages=languages or None,
        origins=origins or None,
        source_hosts=source_hosts or None,
        max_sessions=max_sessions,
        minutes_per_day=minutes_per_day,
        minutes_per_month=minutes_per_month,
        expires_at=None if expires is None else parse_time(expires, "--expires", now=now),
    )
    lifted = [_lifted_field(one) for one in lift or ()]
    with _open_store(settings) as store:
        different = wanted.as_change(lifted=lifted, now=now)
        if not different.fields:
            raise CommandFault("nothing to change: name a limit, or --lift one", ExitCode.USAGE)
        record = store.change(key_id, different)
    typer.echo(
        json.dumps(describe(record, now)) if output == "json" else "\n".join(explain(record, now))
    )


def _lifted_field(limit: str) -> str:
    field = _LIMITS.get(limit.removeprefix("--"))
    if field is None:
        told = f"--lift {limit}: expected one of {', '.join(_LIMITS)}"
        raise CommandFault(told, ExitCode.USAGE)
    return field


@keys.command("list")
@with_settings("database")
def list_keys(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Those that were revoked or have expired too.")
    ] = False,
    settings: Given,
    output: _Output = "text",
) -> None:
    """List the keys that can be used, the oldest first."""
    from scribewire.cli.key_reports import table
    from scribewire.keys.description import describe

    now = time.time()
    with _open_store(settings) as store:
        found = [one for one in store.all_keys() if every or one.state(now) == "active"]
    if output == "json":
        typer.echo(json.dumps({"keys": [describe(one, now) for one in found]}))
    else:
        typer.echo("\n".join(table(found, now)))


@keys.command()
@with_settings("database")
def show(key_id: _KeyId, *, settings: Given, output: _Output = "text") -> None:
    """Show what a key may do and what became of it."""
    from scribewire.cli.key_reports import explain
    from scribewire.keys.description import describe

    with _open_store(settings) as store:
        record = store.find(key_id)
    now = time.time()
    typer.echo(
        json.dumps(describe(record, now)) if output == "json" else "\n".join(explain(record, now))
    )


@keys.command()
@with_settings("database")
def revoke(key_id: _KeyId, *, settings: Given, output: _Output = "text") -> None:
    """End a key for good.

    Its sessions are told so within seconds, get the finals of what was said
    until then, and are closed. Its use stays in the books.
    """
    from scribewire.keys.description import describe

    with _open_store(settings) as store:
        record = store.revoke(key_id, now=time.time())
    typer.echo(
        json.dumps(describe(record, time.time())) if output == "json" else f"revoked: {key_id}"
    )


@keys.command()
@with_settings("database")
def rotate(
    key_id: _KeyId,
    *,
    grace: Annotated[
        str, typer.Option(help="How long the old secret is taken too, as 12h or 7d.")
    ] = "0s",
    settings: Given,
    output: _Output = "text",
) -> None:
    """Give a key a new secret, and show it this once.

    Its name, rights and use stay. Sessions that are open go on. With --grace
    the old secret is taken until clients have the new one.
    """
    grace_s = parse_duration_s(grace, "--grace")
    with _open_store(settings) as store:
        _print_made(store.rotate(key_id, now=time.time(), grace_s=grace_s), output)


@keys.command()
@with_settings("database")
def usage(
    key_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="What names a key.", show_default="all")
    ] = None,
    *,
    days: Annotated[
        int, typer.Option(min=1, max=3660, help="How many days of UTC, today among them.")
    ] = 31,
    settings: Given,
    output: _Output = "text",
) -> None:
    """Tell what keys were used for: minutes of audio and sessions, by day.

    A server that runs writes them every second. Keys that were given
    on its command line are told by their fingerprints.
    """
    from scribewire.cli.key_reports import usage_table
    from scribewire.keys.description import describe_usage

    with _open_books(settings) as books:
        found = books.usage.by_day(key_id=key_id, today=datetime.now(UTC).date(), days=days)
        if key_id is not None and not found:
            books.store.find(key_id)  # or it says that there is none
    if output == "json":
        typer.echo(json.dumps({"usage": [describe_usage(one) for one in found]}))
    else:
        typer.echo("\n".join(usage_table(found)))


@contextmanager
def _open_store(given: Given, *, makes: bool = False) -> Iterator[KeyStore]:
    with _open_books(given, makes=makes) as books:
        yield books.store


@contextmanager
def _open_books(given: Given, *, makes: bool = False) -> Iterator[KeyBooks]:
    """Open the database that was named, or the default one; only `makes` makes that."""
    from scribewire.keys.books import KeyBooks
    from scribewire.keys.place import default_database, default_url

    url = read_settings(given).database
    if url is None and not makes and not default_database().exists():
        told = f"there are no keys yet in {default_database()}: make one with "
        raise CommandFault(f"{told}`scribewire keys create NAME`, or name a --database")
    books = KeyBooks.open(default_url() if url is None else url)
    try:
        yield books
    except ClientFault as fault:
        raise CommandFault(fault.message, ExitCode.USAGE) from None
    finally:
        books.close()


def _print_made(made: MadeKey, output: Format) -> None:
    from scribewire.cli.key_reports import explain
    from scribewire.keys.description import describe

    now = time.time()
    if output == "json":
        typer.echo(json.dumps({"key": made.key, **describe(made.record, now)}))
        return
    typer.echo("\n".join([f"{'key':<16} {made.key}", *explain(made.record, now)]))
    typer.echo("The key is shown this once: it is kept as a digest.", err=True)
