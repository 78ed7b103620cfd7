"""`scribewire transcribe`: a file, a URL, a pipe or the microphone to text."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scribewire.cli.captions import Captions
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import Format, Given, read_settings, with_settings
from scribewire.protocol.scriptix.parameters import REQUEST, read_query
from scribewire.types import Mode, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.cli.audio_sources import AudioSource
    from scribewire.cli.stream_urls import OpenedStream
    from scribewire.cli.transcribers import Transcriber
    from scribewire.settings import Settings
    from scribewire.wishes import Wishes

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ALMOST_URL = re.compile(r"(https?:/*)?[a-z0-9.-]+\.[a-z]{2,}(:[0-9]+)?/|https?:", re.IGNORECASE)

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="An audio or video file of any kind, the http:// or https:// URL of one or of a live "
        "stream, `-` for standard input (raw 16 kHz PCM, WAV, or any kind of file that can be "
        "piped), or `mic` for the microphone.",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        help="Address of a server, as ws://127.0.0.1:8000.", show_default="in this process"
    ),
]
Key = Annotated[
    str, typer.Option(envvar="SCRIBEWIRE_KEY", help="Key for the server.", show_default=False)
]
Language = Annotated[
    str | None,
    typer.Option(help="What is spoken, as `en` or `en-US`.", show_default="the server's own"),
]
Endpointing = Annotated[
    int | None,
    typer.Option(
        help="Silence that ends an utterance, in ms, 100 to 5000.", show_default="by type"
    ),
]
Output = Annotated[
    Format, typer.Option("--format", help="Lines of text, or the wire's messages, one a line.")
]
Partials = Annotated[bool, typer.Option("--partials", help="With json: partial results too.")]
HowFast = Annotated[
    Pace,
    typer.Option(help="Read a file, here or at a URL, as fast as possible, or as it plays."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Everything that one call of the command asks for."""

    source: str
    server: str | None
    key: str
    pace: Pace
    output: Format
    wishes: Wishes
    pulling: Given
    """Settings of pulling in this process, where options give them."""

    @property
    def is_url(self) -> bool:
        return self.wishes.url is not None


@with_settings("allow_source", "deny_source", "source_retry_ms")
def transcribe(  # noqa: PLR0913 - one option for each thing that a person may choose
    source: SourceArgument,
    *,
    server: Server = None,
    key: Key = "",
    mode: Annotated[
        Mode, typer.Option("--type", help="The earliest finals, or the best.")
    ] = "fast",
    language: Language = None,
    endpointing: Endpointing = None,
    output: Output = "text",
    partials: Partials = False,
    pace: HowFast = "fast",
    settings: Given,
) -> None:
    """Write down what is said, one line for each utterance.

    On a terminal the present utterance is shown in grey while it is spoken.

    A URL is pulled by this process, or with --server by the server. A live
    stream goes on until Ctrl-C, and is connected to again when it is lost.
    The host of the URL may be anywhere; what it leads to must be public, or
    allowed by --allow-source.

    Ctrl-C ends with what was said until then.
    """
    order = _Order(
        source=source,
        server=server,
        key=key,
        pace=pace,
        output=output,
        wishes=replace(
            _read_wishes({"type": mode, "language": language, "endpointing": endpointing}),
            partials=_wants_partials(output, partials=partials),
            speakers=output == "json",
            url=source if _URL.match(source) else None,
            pace=pace if _URL.match(source) else "fast",
        ),
        pulling=settings,
    )
    _check(order)
    raise typer.Exit(_run(order))


def _wants_partials(output: Format, *, partials: bool) -> bool:
    """Tell whether anybody would see them: asking for none saves their decoding."""
    from scribewire.cli.screen import is_terminal

    return is_terminal(sys.stdout) if output == "text" else partials


def _read_wishes(options: dict[str, str | int | None]) -> Wishes:
    """Check the options by the rules of the wire, whoever will transcribe."""
    given = {name: str(value) for name, value in options.items() if value is not None}
    wishes, fault = read_query(given, REQUEST)
    if fault is not None:
        raise CommandFault(f"--{fault.message}", ExitCode.USAGE)
    return wishes


def _check(order: _Order) -> None:
    if order.is_url:
        from scribewire.cli.stream_urls import check_stream_url

        check_stream_url(order.source)
    if order.server is None:
        return
    if order.pulling:
        raise CommandFault(
            "--allow-source, --deny-source and --source-retry-ms are for what this process pulls: "
            "with --server, give them to `scribewire serve`",
            ExitCode.USAGE,
        )
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

    captions = Captions(order.output)
    async with AsyncExitStack() as stack:
        stream = await _open(order, stack)
        screen = Screen(
            sys.stdout,
            sys.stderr,
            duration_ms=stream.source.duration_ms,
            has_live_text=order.output == "text",
        )
        with screen:
            code = await run_transcription(
                stream.source.chunks, stream.transcriber, captions, screen
            )
    if code is ExitCode.DONE and not captions.has_speech:
        typer.echo("no speech heard", err=True)
    return code


async def _open(order: _Order, stack: AsyncExitStack) -> OpenedStream:
    """Open the source, then who hears it: a source fails at once, and loading takes a moment."""
    from scribewire.cli.stream_urls import OpenedStream, pulling_there
    from scribewire.cli.transcribers import transcribing_there

    # What the client warns of, it raises too, and that is told once.
    logging.getLogger("scribewire.client").setLevel(logging.ERROR)
    if order.server is None:
        settings = read_settings(order.pulling)
        source = await _open_source(order, settings, stack)
        return OpenedStream(source, await stack.enter_async_context(_load(order.wishes, settings)))
    if order.is_url:
        there = pulling_there(order.wishes, server=order.server, key=order.key)
        return await stack.enter_async_context(there)
    source = _open_input(order)
    pushing = transcribing_there(order.wishes, server=order.server, key=order.key)
    return OpenedStream(source, await stack.enter_async_context(pushing))


async def _open_source(order: _Order, settings: Settings, stack: AsyncExitStack) -> AudioSource:
    if not order.is_url:
        return _open_input(order)
    from scribewire.cli.stream_urls import pulling_here

    return await stack.enter_async_context(pulling_here(order.wishes, settings))


def _open_input(order: _Order) -> AudioSource:
    from scribewire.cli.audio_sources import AudioSource, open_file
    from scribewire.cli.microphone import open_microphone
    from scribewire.cli.standard_input import decode_pipe, read_pipe

    if order.source == "-":
        return AudioSource(decode_pipe(read_pipe(sys.stdin.fileno())))
    if order.source == "mic":
        return open_microphone()
    path = Path(order.source)
    if _ALMOST_URL.match(order.source) and not path.exists():
        raise CommandFault(
            f"{order.source}: no such file; a URL begins with http:// or https://", ExitCode.USAGE
        )
    return open_file(path, order.pace)


@asynccontextmanager
async def _load(wishes: Wishes, settings: Settings) -> AsyncIterator[Transcriber]:
    from scribewire.cli.transcribers import transcribing_here
    from scribewire.engines.loader import load_engines
    from scribewire.models.cache import ModelCache

    cache = ModelCache(directory=settings.cache_dir, on_progress=_tell, on_warning=_tell)
    engines = load_engines(settings.model_dir, cache, speaker_model=settings.speaker_model)
    try:
        async with transcribing_here(wishes, engines, settings) as transcriber:
            yield transcriber
    finally:
        engines.close()


def _tell(text: str) -> None:
    typer.echo(f"scribewire: {text}", err=True)
