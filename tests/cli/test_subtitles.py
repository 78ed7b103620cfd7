"""Both formats, read back by a library that is not ours."""

from __future__ import annotations

import io

import webvtt

from scribewire.cli.cues import Cue
from scribewire.cli.subtitles import VTT_HEAD, write_srt, write_vtt

HOUR_MS = 3_600_000
CUES = [
    Cue(0, 1000, ("So it is.",), "Speaker 1"),
    Cue(1000, 7999, ("R&D <b> said --> that", "a < b & c > d, &amp; so on."), "Speaker 2"),
    Cue(HOUR_MS + 61_001, HOUR_MS + 63_050, ("1999",), None),
]
TIMES = [
    ("00:00:00.000", "00:00:01.000"),
    ("00:00:01.000", "00:00:07.999"),
    ("01:01:01.001", "01:01:03.050"),
]


def read(text: str, kind: str) -> list[webvtt.Caption]:
    return webvtt.from_buffer(io.StringIO(text), format=kind).captions


def test_webvtt_is_read_back_as_it_was_said() -> None:
    written = "\n".join([VTT_HEAD, *(write_vtt(cue, has_voice=True) for cue in CUES)]) + "\n"

    captions = read(written, "vtt")

    assert [(one.start, one.end) for one in captions] == TIMES
    assert [one.voice for one in captions] == ["Speaker 1", "Speaker 2", None]
    assert written.count("-->") == len(CUES)
    assert "R&amp;D &lt;b&gt; said --&gt; that\na &lt; b &amp; c" in written
    assert "&amp;amp; so on." in written


def test_voices_are_left_out_unless_they_are_asked_for() -> None:
    assert write_vtt(CUES[0], has_voice=False).endswith("\nSo it is.\n")


def test_subrip_is_read_back_as_it_was_said() -> None:
    written = "\n".join(write_srt(cue, number) for number, cue in enumerate(CUES, 1)) + "\n"

    captions = read(written, "srt")

    assert written.startswith("1\n00:00:00,000 --> 00:00:01,000\nSo it is.\n\n2\n")
    assert [(one.start, one.end) for one in captions] == TIMES
    assert captions[1].lines == ["R&D <b> said → that", "a < b & c > d, &amp; so on."]
    assert captions[2].lines == ["1999"]
