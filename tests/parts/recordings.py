"""Recordings as browsers' MediaRecorder makes them: what is known of their shape, by PyAV.

Chromium writes WebM with Opus, of no known length, one cluster a second or so; Safari, and Chromium
when asked, MP4 in fragments; Firefox Ogg or WebM. A piece of it is whatever was written since the
last, and the head is in the first one alone. "lossless" is shaped as WebM, and loses no sample;
"file" is no recording, but an MP4 file with its index at the end.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import OutputContainer

_CLUSTER: Final = b"\x1fC\xb6u"
_FRAME_SAMPLES: Final = 320  # 20 ms
_PICTURES_HZ: Final = 5


@dataclass(frozen=True, slots=True)
class RecordingKind:
    """What one browser makes."""

    container: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    """Of FFmpeg's muxer."""
    has_picture: bool = False


_LIVE: Final = {"live": "1", "cluster_time_limit": "1000"}
_FRAGMENTS: Final = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "500000",
}
_MADE: Final = {
    "chromium": RecordingKind("webm", "libopus", _LIVE),
    "firefox": RecordingKind("ogg", "libopus", {"page_duration": "200000"}),
    "safari": RecordingKind("mp4", "aac", _FRAGMENTS),
    "chromium-mp4": RecordingKind("mp4", "libopus", _FRAGMENTS),
    "screen": RecordingKind("matroska", "libopus", _LIVE, has_picture=True),
    "file": RecordingKind("mp4", "alac"),
    "lossless": RecordingKind("matroska", "pcm_s16le", _LIVE),
}
KINDS: Final = tuple(kind for kind in _MADE if kind != "file")
"""By who makes it."""


def record(kind: str, *takes: bytes, pause_s: float = 0.0) -> bytes:
    """Return a recording of PCM; between its takes it is paused, and its clock may go on."""
    made = _MADE[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=made.container, options=made.options) as output:
        stream = output.add_stream(made.codec, rate=_rate_of(made), layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=_rate_of(made))
        if made.has_picture:
            _show(output, len(takes[0]) / 2 / SAMPLE_RATE)
        at_s = 0.0
        for pcm in takes:
            for frame in _frames(pcm, at_s):
                output.mux([p for part in resampler.resample(frame) for p in stream.encode(part)])
            at_s += len(pcm) / 2 / SAMPLE_RATE + pause_s
        output.mux(stream.encode(None))
    return file.getvalue()


def record_picture() -> bytes:
    """Return a recording of a screen without its sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska", options=_LIVE) as output:
        _show(output, seconds=4.0)
    return file.getvalue()


def _show(output: OutputContainer, seconds: float) -> None:
    stream = output.add_stream("mpeg4", rate=_PICTURES_HZ)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
    for number in range(int(seconds * _PICTURES_HZ)):
        picture = av.VideoFrame(64, 36, "yuv420p")
        picture.pts = number
        output.mux(stream.encode(picture))
    output.mux(stream.encode(None))


def _rate_of(made: RecordingKind) -> int:
    return SAMPLE_RATE if made.codec in ("pcm_s16le", "alac") else 48_000


def _frames(pcm: bytes, at_s: float) -> list[av.AudioFrame]:
    samples = np.frombuffer(pcm, "<i2")
    frames = []
    for start in range(0, len(samples), _FRAME_SAMPLES):
        part = samples[start : start + _FRAME_SAMPLES]
        frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = round(at_s * SAMPLE_RATE) + start
        frames.append(frame)
    return frames


def head_of(recording: bytes) -> bytes:
    """Return what comes before the first sound."""
    return recording[: _borders(recording)[0]]


def fragments_of(recording: bytes) -> Sequence[bytes]:
    """Return the head, and then what can be lost of it as a whole."""
    borders = [0, *_borders(recording), len(recording)]
    return [recording[one:other] for one, other in pairwise(borders)]


def _borders(recording: bytes) -> list[int]:
    if recording[4:8] == b"ftyp":
        mark, before = b"moof", 4
    elif recording.startswith(b"OggS"):
        mark, before = b"OggS\x00\x00", 0  # a page that begins and ends nothing
    else:
        mark, before = _CLUSTER, 0
    found, at = [], recording.find(mark)
    while at >= 0:
        found.append(at - before)
        at = recording.find(mark, at + 1)
    return found


def cut(recording: bytes, size: int) -> list[bytes]:
    """Return pieces of so many bytes."""
    return [recording[at : at + size] for at in range(0, len(recording), size)]
