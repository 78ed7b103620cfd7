"""`scribewire transcribe`: a file, a pipe or the microphone to text."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

import typer

from scribewire.cli.captions import Captions, Format
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.protocol.handshake import Endpoint, parse_handshake
from scribewire.types import Mode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.cli.audio_sources import AudioSource
    from scribewire.cli.transcribers import Transcriber, Wishes

Pace = Literal["realtime", "fast"]
"""How fast a file is read: as it plays, or as fast as it is recognized."""

_SOURCES = (
    "An audio or video file of any kind, `-` for standard input (raw 16 kHz PCM, WAV, or any "
    "kind of file that can be piped), or `mic` for the microphone."
)
_NO_URLS = "URLs are not supported yet: download the file or pipe it into `scribewire transcribe -`"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Everything that one call of the command asks for."""

    source: str
    server: str | None
    key: str
    pace: Pace
    output: Format
    wishes: Wishes


def transcribe(  # noqa: PLR0913 - one option for each thing that a person may choose
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=_SOURCES)],
    *,
    server: Annotated[
        str | None,
        typer.Option(
            help="Address of a server, as ws://127.0.0.1:8000.", show_default="in this process"
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(envvar="SCRIBEWIRE_KEY", help="Key for the server.", show_default=False),
    ] = "",
    mode: Annotated[
        Mode, typer.Option("--type", help="The earliest finals, or the best.")
    ] = "fast",
    language: Annotated[
        str | None,
        typer.Option(help="What is spoken, as `en` or `en-US`.", show_default="the server's own"),
    ] = None,
    endpointing: Annotated[
        int | None,
        typer.Option(
            help="Silence that ends an utterance, in ms, 100 to 5000.", show_default="by type"
        ),
    ] = None,
    output: Annotated[
        Format,
        typer.Option("--format", help="Lines of text, or the wire's messages, one a line."),
    ] = "text",
    partials: Annotated[
        bool, typer.Option("--partials", help="With json: partial results too.")
    ] = False,
    pace: Annotated[
        Pace, typer.Option(help="Read a file as fast as possible, or as it plays.")
    ] = "fast",
) -> None:
    """Write down what is said, one line for each utterance.

    On a terminal the present utterance is shown in grey while it is spoken.

    Ctrl-C ends with what was said until then.
    """
    order = _Order(
        source=source,
        server=server,
        key=key,
        pace=pace,
        output=output,
        wishes=replace(
            _read_wishes(mode, language, endpointing),
            has_partials=_wants_partials(output, partials=partials),
            has_speakers=output == "json",
        ),
    )
    _check(order)
    raise typer.Exit(_run(order))


def _wants_partials(output: Format, *, partials: bool) -> bool:
    """Tell whether anybody would see them: asking for none saves their decoding."""
    from scribewire.cli.screen import is_terminal

    return is_terminal(sys.stdout) if output == "text" else partials


def _read_wishes(mode: Mode, language: str | None, endpointing: int | None) -> Wishes:
    """Check the options by the rules of the wire, whoever will transcribe."""
    from scribewire.cli.transcribers import Wishes

    given = {"type": mode, "language": language, "endpointing": endpointing}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    handshake = parse_handshake(Endpoint.MICROPHONE.value, query, [])
    assert handshake is not None
    if handshake.fault is not None:
        raise CommandFault(f"--{handshake.fault.message}", ExitCode.USAGE)
    return Wishes(
        mode=handshake.mode,
        language=handshake.language,
        endpointing_ms=handshake.endpointing_ms,
    )


def _check(order: _Order) -> None:
    if re.match(r"[a-z][a-z0-9+.-]*://", order.source, re.IGNORECASE):
        raise CommandFault(_NO_URLS, ExitCode.USAGE)
    if order.server is None:
        return
    if not re.match(r"wss?://[^/]", order.server):
        raise CommandFault(
            "--server: expected an address such as ws://127.0.0.1:8000", ExitCode.USAGE
        )
    if not order.key:
        raise CommandFault(
            "--server needs a key: give --key or set SCRIBEWIRE_KEY; "
            "`scribewire serve` shows one when it starts",
            ExitCode.USAGE,
        )


def _run(order: _Order) -> ExitCode:
    try:
        return asyncio.run(_transcribe(order))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read stdout has had enough; what is still buffered must not be complained about.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE


async def _transcribe(order: _Order) -> ExitCode:
    from scribewire.cli.screen import Screen
    from scribewire.cli.transcription import run_transcription

    source = _open_source(order)  # first: it fails at once, and loading takes a moment
    captions = Captions(order.output)
    async with _open_transcriber(order) as transcriber:
        screen = Screen(
            sys.stdout,
            sys.stderr,
            duration_ms=source.duration_ms,
            has_live_text=order.output == "text",
        )
        with screen:
            code = await run_transcription(source.chunks, transcriber, captions, screen)
    if code is ExitCode.DONE and not captions.has_speech:
        typer.echo("no speech heard", err=True)
    return code


def _open_source(order: _Order) -> AudioSource:
    from scribewire.cli.audio_sources import AudioSource, open_file, pace_realtime
    from scribewire.cli.microphone import open_microphone
    from scribewire.cli.standard_input import decode_pipe, read_pipe

    if order.source == "-":
        return AudioSource(decode_pipe(read_pipe(sys.stdin.fileno())))
    if order.source == "mic":
        return open_microphone()
    file = open_file(Path(order.source))
    if order.pace == "fast":
        return file
    now = asyncio.get_running_loop().time
    paced = pace_realtime(file.chunks, now=now, sleep=asyncio.sleep)
    return AudioSource(paced, file.duration_ms)


def _open_transcriber(order: _Order) -> AbstractAsyncContextManager[Transcriber]:
    from scribewire.cli.transcribers import transcribing_there

    if order.server is None:
        return _load_and_transcribe(order.wishes)
    return transcribing_there(order.wishes, server=order.server, key=order.key)


@asynccontextmanager
async def _load_and_transcribe(wishes: Wishes) -> AsyncIterator[Transcriber]:
    from scribewire.cli.serve import read_settings
    from scribewire.cli.transcribers import transcribing_here
    from scribewire.engines.loader import load_engines
    from scribewire.models.cache import ModelCache

    settings = read_settings({})
    cache = ModelCache(directory=settings.cache_dir, on_progress=_tell, on_warning=_tell)
    engines = load_engines(settings.model_dir, cache, speaker_model=settings.speaker_model)
    try:
        async with transcribing_here(wishes, engines, settings) as transcriber:
            yield transcriber
    finally:
        engines.close()


def _tell(text: str) -> None:
    typer.echo(f"scribewire: {text}", err=True)
