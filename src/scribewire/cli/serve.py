"""`scribewire serve`: settings from options and environment, then the server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from scribewire.cli.logs import configure_logs
from scribewire.cli.options import Given, read_settings, with_settings
from scribewire.settings import Settings

if TYPE_CHECKING:
    from scribewire.server.run import Address

ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach it from here


@with_settings(*Settings.model_fields)
def serve(settings: Given) -> None:
    """Serve real-time speech-to-text over WebSockets, until Ctrl-C or SIGTERM.

    Sessions that are open then still get the finals of what was said.

    An option overrides the environment: --port overrides SCRIBEWIRE_PORT,
    --key SCRIBEWIRE_KEYS, and so on.
    """
    chosen = read_settings(settings)
    configure_logs(chosen.log_level)
    run_server(chosen)


def run_server(settings: Settings) -> None:
    """Serve with these settings; without a key among them, make one and show it."""
    from scribewire.keys.configured import make_key
    from scribewire.server.run import serve as serve_until_signal

    made_key = None if settings.keys else make_key()
    if made_key is not None:
        settings = settings.model_copy(update={"keys": (made_key,)})
    serve_until_signal(
        settings, on_listening=lambda address: typer.echo(announce(address, made_key))
    )


def announce(address: Address, made_key: str | None) -> str:
    """Return what is printed once the port is open: `name: value` lines, for programs too."""
    lines = [f"listening: {address.url}"]
    if made_key is not None:
        host = ANY_HOST.get(address.host, address.host)
        reachable = replace(address, host=host).url
        lines += [
            f"key: {made_key}",
            f"try: scribewire transcribe mic --server {reachable} --key KEY",
        ]
    return "\n".join(lines)
