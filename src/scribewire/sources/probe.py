"""What a stream URL gives, found out by opening it and hearing its first seconds."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scribewire.audio.container import TrackWish
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.recognition.endpointer import SPEECH_THRESHOLD
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.sources.events import SourceAudio, SourceLost, SourceOpened, SourceTrack
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from scribewire.audio.container import AudioInfo
    from scribewire.engines.protocols import VadEngine
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.pulled import Sources
    from scribewire.types import Samples

# How much later than it plays the audio may come: one segment of a live playlist, usually 10 s.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """A source that can be used, as it was found."""

    carrier: str
    """What brings it, in words: a file, a radio stream, ..."""
    is_live: bool
    info: AudioInfo
    """What its header says, of the track that was heard last; for a live source, the duration there
    means nothing."""
    duration_s: float | None
    """Of a finite source that says so."""
    opened_after_s: float
    """From asking for it until its format was known."""
    received_s: float
    """Audio that was heard; less than was asked for when there was no more, or it came slowly."""
    receiving_took_s: float
    """From the opening to the last of it."""
    rms_dbfs: float | None
    """Level of all that was heard, relative to full scale; None: not one sample is above zero."""
    peak_dbfs: float | None
    """Level of its largest sample."""
    speech_s: float | None
    """How much of it is speech; None: nobody could tell."""
    lost_cause: str | None
    """Why a live source broke off, if it did; fit for a log."""


async def probe_source(
    sources: Sources,
    url: str | HttpUrl,
    seconds: float,
    *,
    vad: VadEngine | None = None,
    wish: TrackWish | None = None,
) -> SourceReport:
    """Open a source and hear its first seconds. Raises SourceFault when it cannot be used."""
    clock = asyncio.get_running_loop().time
    asked_at = clock()
    async with contextlib.aclosing(sources.pull(url, wish or TrackWish())) as events:
        opened = await anext(events)
        assert isinstance(opened, SourceOpened), "a source is opened before it gives anything"
        opened_at = clock()
        heard = await _hear(events, seconds)
        heard_at = clock()
    samples = decode_pcm(heard.pcm, WIRE_PCM)
    return SourceReport(
        carrier=opened.carrier,
        is_live=opened.is_live,
        info=heard.info or opened.info,
        duration_s=_duration_s(opened),
        opened_after_s=opened_at - asked_at,
        received_s=samples.size / SAMPLE_RATE,
        receiving_took_s=heard_at - opened_at,
        rms_dbfs=_dbfs(float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0),
        peak_dbfs=_dbfs(float(np.abs(samples).max(initial=0.0))),
        speech_s=None if vad is None else _speech_s(samples, vad),
        lost_cause=heard.lost_cause,
    )


@dataclass(slots=True)
class _Heard:
    pcm: bytearray = field(default_factory=bytearray)
    info: AudioInfo | None = None
    """Of the track that it went on with, if the first was silent."""
    lost_cause: str | None = None


async def _hear(events: AsyncGenerator[SourceEvent, None], seconds: float) -> _Heard:
    """Return the first `seconds` of audio, or as much of it as comes in time."""
    wanted_bytes = 2 * round(seconds * SAMPLE_RATE)
    heard = _Heard()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds + PATIENCE_S):
            await _fill(heard, events, wanted_bytes)
    del heard.pcm[wanted_bytes:]
    return heard


async def _fill(
    heard: _Heard, events: AsyncGenerator[SourceEvent, None], wanted_bytes: int
) -> None:
    """Add what is heard until there is enough or no more."""
    while len(heard.pcm) < wanted_bytes:
        match await anext(events, None):
            case SourceAudio(pcm=piece):
                heard.pcm += piece
            case SourceTrack(info=info):
                heard.info = info
            case SourceLost(cause=cause):
                heard.lost_cause = cause
                return
            case None:
                return


def _duration_s(opened: SourceOpened) -> float | None:
    if opened.is_live:
        return None
    if opened.duration_s is None and opened.info.duration_ms is not None:
        return opened.info.duration_ms / 1000
    return opened.duration_s


def _dbfs(amplitude: float) -> float | None:
    return 20 * math.log10(amplitude) if amplitude > 0 else None


def _speech_s(samples: Samples, vad: VadEngine) -> float:
    """Return how long the VAD hears speech, by the threshold that opens utterances."""
    frames = samples[: samples.size - samples.size % FRAME_SAMPLES]
    probabilities = vad.measure(VadRequest(frames, None)).probabilities
    return sum(p >= SPEECH_THRESHOLD for p in probabilities) * FRAME_SAMPLES / SAMPLE_RATE
