"""The program: its commands, and how each of their ends becomes an exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from scribewire import __version__
from scribewire.cli.bench import bench
from scribewire.cli.cluster import cluster
from scribewire.cli.doctor import doctor
from scribewire.cli.drain import drain
from scribewire.cli.engine import engine
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.keys import keys
from scribewire.cli.probe import probe
from scribewire.cli.serve import serve
from scribewire.cli.sessions import sessions
from scribewire.cli.transcribe import transcribe
from scribewire.errors import ScribewireError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="scribewire",
    help="Real-time speech-to-text on your own machine.",
    epilog="Each command has its own page: [bold]scribewire transcribe --help[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and so keys
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example: SCRIBEWIRE_KEYS=one,two scribewire serve --host 0.0.0.0 --port 9000")(
    serve
)
app.command(
    epilog="Example: scribewire engine --socket ~/scribewire-engine/socket\n\n"
    "Example: scribewire serve --engine-socket ~/scribewire-engine/socket --port 8001"
)(engine)
app.command(
    epilog="Example: scribewire transcribe talk.mp4 --output talk.srt\n\n"
    "Example: scribewire transcribe https://radio.example/live.mp3\n\n"
    "Example: ffmpeg -i rtsp://camera -f s16le -ac 1 -ar 16000 - | scribewire transcribe -"
)(transcribe)
app.command(epilog="Example: scribewire probe https://radio.example/live.mp3 --seconds 10")(probe)
app.command(epilog="Example: scribewire doctor && scribewire serve")(doctor)
app.command(epilog="Example: SCRIBEWIRE_KEY=... scribewire drain wss://node-3.example:8000")(drain)
app.command(epilog="Example: scribewire bench --format json > capacity.json")(bench)
app.add_typer(keys, name="keys")
app.add_typer(sessions, name="sessions")
app.add_typer(cluster, name="cluster")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that `arguments`, or else the shell, names; ends in SystemExit."""
    try:
        app(arguments, prog_name="scribewire")
    except (CommandFault, ScribewireError) as fault:
        print(f"scribewire: {fault}", file=sys.stderr)  # noqa: T201 - it talks to a person
        sys.exit(fault.code if isinstance(fault, CommandFault) else ExitCode.FAILED)
    sys.exit(ExitCode.DONE)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"scribewire {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Say which it is."
        ),
    ] = False,
) -> None:
    pass
