"""`scribewire transcribe`: its options, and which of them go together."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.inputs import Order, is_url
from scribewire.cli.options import Given, option_of, with_settings
from scribewire.cli.outputs import format_of, place_outputs
from scribewire.cli.transcripts import run_order
from scribewire.protocol.scriptix.parameters import REQUEST, read_query
from scribewire.types import Mode, Pace
from scribewire.wishes import Wishes

_KEY_VARIABLE = "SCRIBEWIRE_KEY"
FormatName: TypeAlias = Literal["text", "txt", "srt", "vtt", "json"]

SourceArguments = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Audio or video files of any kind, the http:// or https:// URL of one or of a live "
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
    str, typer.Option(envvar=_KEY_VARIABLE, help="Key for the server.", show_default=False)
]
Language = Annotated[
    str | None,
    typer.Option(
        help="What is spoken, as `en` or `en-US`; `auto` finds it out.",
        show_default="the server's own",
    ),
]
Languages = Annotated[
    str | None,
    typer.Option(
        help="Among which `auto` finds it out, as `nl,en`.", show_default="all that can be told"
    ),
]
Endpointing = Annotated[
    int | None,
    typer.Option(
        help="Silence that ends an utterance, in ms, 100 to 5000.", show_default="by type"
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER",
        help="Where to write: a file, or a folder, with a file in it for each SOURCE.",
        show_default="standard output",
    ),
]
Written = Annotated[
    FormatName | None,
    typer.Option(
        "--format",
        help="Lines of text, subtitles, or the wire's messages, one a line.",
        show_default="by the name of --output, else text",
    ),
]
Times = Annotated[bool, typer.Option("--times", help="With text: when each line begins.")]
Speakers = Annotated[
    bool | None,
    typer.Option("--speakers/--no-speakers", help="Who speaks.", show_default="in json only"),
]
Digits = Annotated[bool, typer.Option("--digits", help="Numbers as digits, not as words.")]
Partials = Annotated[
    bool,
    typer.Option("--partials", help="With json: partial results too; best with --pace realtime."),
]
HowFast = Annotated[
    Pace,
    typer.Option(help="Read a file, here or at a URL, as fast as possible, or as it plays."),
]
Track = Annotated[
    int | None,
    typer.Option(min=1, max=99, help="Which audio track is heard, by its number."),
]


@with_settings("models", "device", "allow_source", "deny_source", "source_ca", "source_retry_ms")
def transcribe(  # noqa: PLR0913 - one option for each thing that a person may choose
    sources: SourceArguments,
    *,
    output: Output = None,
    kind: Written = None,
    times: Times = False,
    speakers: Speakers = None,
    digits: Digits = False,
    server: Server = None,
    key: Key = "",
    mode: Annotated[
        Mode, typer.Option("--type", help="The earliest finals, or the best.")
    ] = "fast",
    language: Language = None,
    languages: Languages = None,
    endpointing: Endpointing = None,
    partials: Partials = False,
    pace: HowFast = "fast",
    track: Track = None,
    settings: Given,
) -> None:
    """Write down what is said, one line for each utterance, or as subtitles.

    On a terminal the present utterance is shown in grey while it is spoken.

    Several files are transcribed one after the other. One that cannot be
    read is told and passed over; then the exit code is 1.

    A URL is pulled by this process, or with --server by the server. A live
    stream goes on until Ctrl-C, and is connected to again when it is lost.
    The host of the URL may be anywhere; what it leads to must be public, or
    allowed by --allow-source.

    Without --server, the model of the language is loaded in this process.

    Ctrl-C ends with what was said until then.
    """
    chosen = format_of(output) if kind is None else "text" if kind == "txt" else kind
    wishes = _read_wishes(
        {"type": mode, "language": language, "languages": languages, "endpointing": endpointing}
    )
    order = Order(
        sources=tuple(sources),
        outputs=tuple(place_outputs(sources, output, chosen)),
        server=server,
        key=key,
        pace=pace,
        track=track,
        kind=chosen,
        times=times,
        partials=partials,
        wishes=replace(
            wishes, speakers=chosen == "json" if speakers is None else speakers, digits=digits
        ),
        settings=settings,
    )
    _check(order)
    raise typer.Exit(run_order(order))


def _read_wishes(options: dict[str, str | int | None]) -> Wishes:
    """Check the options by the rules of the wire, whoever will transcribe."""
    given = {name: str(value) for name, value in options.items() if value is not None}
    wishes, fault = read_query(given, REQUEST)
    if fault is not None:
        raise CommandFault(f"--{fault.message}", ExitCode.USAGE)
    return wishes


def _check(order: Order) -> None:
    for problem in (_problem_of_format(order), _problem_of_server(order)):
        if problem:
            raise CommandFault(problem, ExitCode.USAGE)
    for source in order.sources:
        if is_url(source):
            from scribewire.cli.stream_urls import check_stream_url

            check_stream_url(source)


def _problem_of_format(order: Order) -> str:
    """Return what does not go together in what is heard and written; nothing, if all does."""
    if order.partials and order.kind != "json":
        return "--partials: only with --format json; a terminal shows them by itself"
    if order.times and order.kind != "text":
        return "--times: only with --format text; the other formats have times"
    if order.track is not None and "mic" in order.sources:
        return "--track: the microphone has no tracks"
    if order.wishes.locked_language is not None and order.wishes.languages:
        return "--languages: not beside one --language; `--language auto` finds it out among them"
    if len(order.sources) > 1 and order.kind != "text" and order.outputs[0] is None:
        return f"--format {order.kind} of several inputs: give --output FOLDER, for a file of each"
    return ""


def _problem_of_server(order: Order) -> str:
    if order.server is None:
        # One of the environment may be there for another time.
        if order.key and order.key != os.environ.get(_KEY_VARIABLE):
            return "--key: only with --server, which is not given: this process needs no key"
        return ""
    if order.settings:
        given = ", ".join(map(option_of, order.settings))
        return f"{given}: only for this process; with --server, give it to `scribewire serve`"
    if not re.match(r"wss?://[^/]", order.server):
        return "--server: expected an address such as ws://127.0.0.1:8000"
    if not order.key:
        return (
            "--server needs a key: give --key or set SCRIBEWIRE_KEY; "
            "`scribewire serve` shows one when it starts"
        )
    if order.wishes.digits and any(map(is_url, order.sources)):
        return "--digits: not for a URL with --server, which has no way to ask for it"
    return ""
