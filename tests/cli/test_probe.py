from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from scribewire.audio.container import AudioInfo
from scribewire.cli.app import main
from scribewire.cli.exits import ExitCode
from scribewire.cli.probe import describe, explain
from scribewire.sources.probe import SourceReport
from tests.parts.raw_origin import head, ok, run_raw_origin
from tests.parts.wav import wav

FILE = SourceReport(
    carrier="a file",
    is_live=False,
    info=AudioInfo(container="mp3", codec="mp3float", rate_hz=44_100, channels=2, duration_ms=9),
    duration_s=78.2,
    opened_after_s=0.2468,
    received_s=5.0,
    receiving_took_s=0.0123,
    rms_dbfs=-20.04,
    peak_dbfs=-3.02,
    speech_s=4.192,
    lost_cause=None,
)
RADIO = replace(FILE, carrier="a radio stream", is_live=True, duration_s=None)
URL = "https://user:word@host.example/a.mp3?token=1"


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["probe", *arguments])
    return caught.value.code


def test_a_report_is_read_line_by_line() -> None:
    assert explain(FILE, URL) == [
        "url       https://host.example/a.mp3",
        "source    a file, finite",
        "format    mp3, codec mp3float, 44100 Hz, 2 channels",
        "duration  1:18",
        "opened    after 0.25 s",
        "received  5.0 s of audio in 0.01 s",
        "level     -20.0 dBFS RMS, -3.0 dBFS peak",
        "speech    4.2 s of 5.0 s",
    ]


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (RADIO, "source    a radio stream, live"),
        (RADIO, "duration  endless, as far as it says"),
        (replace(FILE, duration_s=None), "duration  not said by the file"),
        (replace(FILE, rms_dbfs=None, peak_dbfs=None), "level     digital silence"),
        (
            replace(FILE, rms_dbfs=None, peak_dbfs=None, received_s=0),
            "level     nothing was heard",
        ),
        (
            replace(FILE, speech_s=None),
            "speech    not measured: its model is missing, see `scribewire doctor`",
        ),
        (
            replace(RADIO, received_s=1.2, lost_cause="the connection broke off"),
            "received  1.2 s of audio in 0.01 s, then lost: the connection broke off",
        ),
    ],
)
def test_what_is_missing_is_said(report: SourceReport, line: str) -> None:
    assert line in explain(report, URL)


def test_json_has_every_number_and_no_secret() -> None:
    assert describe(FILE, URL) == {
        "url": "https://host.example/a.mp3",
        "container": "mp3",
        "codec": "mp3float",
        "rate_hz": 44_100,
        "channels": 2,
        "track": 1,
        "tracks": (),
        "carrier": "a file",
        "is_live": False,
        "duration_s": 78.2,
        "opened_after_s": 0.247,
        "received_s": 5.0,
        "receiving_took_s": 0.012,
        "rms_dbfs": -20.04,
        "peak_dbfs": -3.02,
        "speech_s": 4.192,
        "lost_cause": None,
    }


USAGE = [
    (["a.mp3"], "expected the http:// or https:// URL of audio"),
    (["rtsp://camera/a"], "rtsp: URLs cannot be opened"),
    (["http://host/a", "--seconds", "61"], "--seconds"),
    (["http://host/a", "--allow-source", "10/8"], "--allow-source: address rule '10/8'"),
    ([], "Missing argument"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_a_wrong_call_is_a_usage_error_that_says_what_is_right(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == ExitCode.USAGE
    assert message in capsys.readouterr().err


async def run_there(*arguments: str) -> tuple[int | None, str, str]:
    """Run the program beside this event loop, which serves what it asks for."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "probe", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.slow
async def test_a_recording_is_found_to_be_speech(beckett_pcm: bytes) -> None:
    async with run_raw_origin(ok(wav(beckett_pcm))) as media:
        code, out, err = await run_there(
            media.url("/talk.wav"), "--format", "json", "--seconds", "8"
        )

    report = json.loads(out)
    assert (code, err) == (ExitCode.DONE, "")
    assert (report["carrier"], report["codec"]) == ("a file", "pcm_s16le")
    assert report["received_s"] == 8
    assert 2 < report["speech_s"] < 8
    assert -40 < report["rms_dbfs"] < report["peak_dbfs"] <= 0


@pytest.mark.slow
async def test_what_a_client_would_be_told_is_told() -> None:
    async with run_raw_origin(head("404 Not Found")) as media:
        code, out, err = await run_there(media.url())

    assert (code, out) == (ExitCode.FAILED, "")
    assert err == (
        "scribewire: invalid stream: the server answered HTTP 404; expected audio at the URL; "
        "check the URL and try again\n"
    )


def test_several_tracks_are_listed_with_the_one_that_was_heard() -> None:
    tracks = ("1: truehd, 48000 Hz, 2 channels", "2: aac, 48000 Hz, 1 channel, de")
    several = replace(FILE, info=replace(FILE.info, track=2, tracks=tracks))

    assert [line for line in explain(several, URL) if line.startswith("track")] == [
        "track     1: truehd, 48000 Hz, 2 channels",
        "track     2: aac, 48000 Hz, 1 channel, de (heard)",
    ]
