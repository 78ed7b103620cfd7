"""`scribewire probe`: what a server would make of a URL, without a word of it transcribed."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import Format, Given, read_settings, with_settings

if TYPE_CHECKING:
    from scribewire.engines.silero import SileroVad
    from scribewire.settings import Settings
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.probe import SourceReport

MAX_SECONDS = 60.0  # it is held in memory, and whoever waits longer wants `transcribe`

_NO_URL = (
    "expected the http:// or https:// URL of audio; of a file on this machine "
    "`scribewire transcribe FILE` says what is wrong with it"
)


@with_settings("allow_source", "deny_source", "source_ca")
def probe(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The http:// or https:// URL of audio.")
    ],
    *,
    seconds: Annotated[
        float, typer.Option(min=0.0, max=MAX_SECONDS, help="How much of the audio is heard.")
    ] = 5.0,
    track: Annotated[
        int | None, typer.Option(min=1, max=99, help="Which audio track is heard, by its number.")
    ] = None,
    settings: Given,
    output: Annotated[
        Format, typer.Option("--format", help="Lines of text, or one JSON object.")
    ] = "text",
) -> None:
    """Tell what a server would make of a URL, without transcribing it.

    Opens it as stream mode does, hears its first seconds, and says what
    brings the audio, whether it is live, its format, how loud it is and how
    much of it is speech. What cannot be used fails with the words that a
    client would get.

    The host of the URL may be anywhere. What it leads to must be public, or
    allowed by --allow-source; so must the host itself on a server.
    """
    checked = _check(url)
    try:
        report = asyncio.run(_probe(checked, read_settings(settings), seconds, track))
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if output == "json":
        typer.echo(json.dumps(describe(report, url)))
    else:
        typer.echo("\n".join(explain(report, url)))


def _check(url: str) -> HttpUrl:
    from scribewire.cli.stream_urls import check_stream_url

    if "://" not in url:
        raise CommandFault(_NO_URL, ExitCode.USAGE)
    return check_stream_url(url)


async def _probe(
    url: HttpUrl, settings: Settings, seconds: float, track: int | None
) -> SourceReport:
    from scribewire.audio.container import TrackWish
    from scribewire.runtime.look_up import LookUpThreads
    from scribewire.sources.configured import configured_sources
    from scribewire.sources.probe import probe_source

    vad = _load_vad(settings)
    look_up = LookUpThreads()
    async with configured_sources(settings, named=url, look_up=look_up) as sources:
        wish = TrackWish(number=track)
        return await probe_source(sources, url, seconds, vad=vad, wish=wish)


def _load_vad(settings: Settings) -> SileroVad | None:
    """Load the VAD alone, which takes some 0.1 s; without its file all else can still be told."""
    from scribewire.engines.silero import SileroVad
    from scribewire.errors import ModelFault
    from scribewire.models.catalog import SILERO_VAD

    try:
        return SileroVad.load(SILERO_VAD, settings.model_dir)
    except ModelFault as fault:
        logging.getLogger("scribewire.probe").warning("%s", fault)
        return None


def explain(report: SourceReport, url: str) -> list[str]:
    """Return the report as lines: what it is about, then what was found."""
    from scribewire.sources.http.urls import shown

    info = report.info
    channels = f"{info.channels} channel{'' if info.channels == 1 else 's'}"
    rows = [
        ("url", shown(url)),
        ("source", f"{report.carrier}, {'live' if report.is_live else 'finite'}"),
        ("format", f"{info.container}, codec {info.codec}, {info.rate_hz} Hz, {channels}"),
        *(("track", _explain_track(words, info.track)) for words in info.tracks),
        ("duration", _explain_duration(report)),
        ("opened", f"after {report.opened_after_s:.2f} s"),
        ("received", _explain_received(report)),
        ("level", _explain_level(report)),
        ("speech", _explain_speech(report)),
    ]
    return [f"{name:<9} {words}" for name, words in rows]


def _explain_track(words: str, heard: int) -> str:
    return f"{words} (heard)" if words.startswith(f"{heard}:") else words


def _explain_duration(report: SourceReport) -> str:
    from scribewire.cli.captions import format_time

    if report.is_live:
        return "endless, as far as it says"
    if report.duration_s is None:
        return "not said by the file"
    return format_time(round(report.duration_s * 1000))


def _explain_received(report: SourceReport) -> str:
    words = f"{report.received_s:.1f} s of audio in {report.receiving_took_s:.2f} s"
    if report.lost_cause is None:
        return words
    cause, _, _ = report.lost_cause.partition(";")  # what follows is for who cannot be helped
    return f"{words}, then lost: {cause}"


def _explain_level(report: SourceReport) -> str:
    if report.rms_dbfs is None or report.peak_dbfs is None:
        return "digital silence" if report.received_s else "nothing was heard"
    return f"{report.rms_dbfs:.1f} dBFS RMS, {report.peak_dbfs:.1f} dBFS peak"


def _explain_speech(report: SourceReport) -> str:
    if report.speech_s is None:
        return "not measured: its model is missing, see `scribewire doctor`"
    return f"{report.speech_s:.1f} s of {report.received_s:.1f} s"


def describe(report: SourceReport, url: str) -> dict[str, object]:
    """Return the report for a program; what is unknown is null."""
    from scribewire.sources.http.urls import shown

    fields = asdict(report)
    info = fields.pop("info")
    del info["duration_ms"]  # the report's own is the one that counts
    rounded = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in fields.items()
    }
    return {"url": shown(url), **info, **rounded}
