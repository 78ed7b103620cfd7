"""The recognizers that are compared: clips go in, one transcript for each comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.dialogue import transcribe
from bench.manifest import Clip, read_pcm
from bench.server_process import BenchServer
from bench.table import Progress
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.moonshine.engine import MoonshineEngine
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.protocols import SpeechEngine
from scribewire.recognition.requests import DecodeRequest
from scribewire.types import SAMPLE_RATE, Mode

if TYPE_CHECKING:
    from scribewire.types import Samples

WINDOW_SAMPLES = 30 * SAMPLE_RATE  # attention over minutes at once would take gigabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One recognizer's answer to every clip."""

    name: str
    transcripts: Mapping[str, str] | None = None
    """By the clip's id; None when it could not be run."""
    note: str = ""
    """Why it could not be run, or what else is to be known about the run."""
    cpu_s_per_audio_s: float | None = None
    """Processor time; None when it was not measured."""


async def run_server(
    server: BenchServer, clips: Sequence[Clip], *, mode: Mode, streams: int
) -> System:
    """Ask our server, over that many connections at a time."""
    progress = Progress(f"ours, {mode}", len(clips))
    places = asyncio.Semaphore(streams)

    async def run(clip: Clip) -> str:
        async with places:
            pcm = read_pcm(clip.path)
            text = await transcribe(server, pcm, mode=mode, language=clip.spoken_language)
            progress.advance()
            return text

    async def run_all(some: Sequence[Clip]) -> dict[str, str]:
        texts = await asyncio.gather(*map(run, some))
        return {clip.id: text for clip, text in zip(some, texts, strict=True)}

    # Apart, because audio without speech costs next to nothing.
    speech = [clip for clip in clips if not clip.is_no_speech]
    began_s = await server.cpu_s()
    transcripts = await run_all(speech)
    used_s = await server.cpu_s() - began_s
    transcripts |= await run_all([clip for clip in clips if clip.is_no_speech])
    return System(
        name=f"ours {mode}",
        transcripts=transcripts,
        cpu_s_per_audio_s=used_s / sum(clip.seconds for clip in speech),
    )


def run_whole_clip(clips: Sequence[Clip]) -> System:
    """Decode each clip greedily in one piece: what segmenting a stream can lose."""
    progress = Progress("whole clip", len(clips))
    engine = MoonshineEngine.load(TINY_EN)
    transcripts = {}
    for clip in clips:
        samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)
        windows = range(0, max(samples.size, 1), WINDOW_SAMPLES)
        texts = [_decode(engine, samples[start : start + WINDOW_SAMPLES]) for start in windows]
        transcripts[clip.id] = " ".join(filter(None, texts))
        progress.advance()
    engine.close()
    return System(
        name="whole clip",
        transcripts=transcripts,
        note="greedy, the same weights; clips over 30 s in windows of 30 s",
    )


def _decode(engine: SpeechEngine, samples: Samples) -> str:
    request = DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)
    hypothesis = engine.decode(request).hypothesis
    assert hypothesis is not None, "a required request is never dropped"
    return hypothesis.text
