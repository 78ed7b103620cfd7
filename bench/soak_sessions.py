"""The sessions of a soak: what they say, and what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import numpy as np

from bench.live_runs import find_difference
from bench.live_speech import Speech
from bench.manifest import Clip, core_of, read_pcm
from bench.own_rules import own_endpoint
from bench.soak_rudeness import RudeClient
from bench.soak_verdicts import BUSY, CUT_OFF, RUDE, STOPPED, Kind, Outcome, Rude, told_of
from bench.table import Progress
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.capacity.latency import Window, measure_stream
from scribewire.capacity.load import ENGLISH, Source, Target, run_joining
from scribewire.capacity.monologue import END_SILENCE_S, Monologue, Recording, join_recordings
from scribewire.capacity.utterances import find_utterances
from scribewire.client import ClientError, FinalResult, connect
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from scribewire.types import SAMPLE_RATE
from tests.parts.media import make_file, make_hls
from tests.parts.wav import wav

if TYPE_CHECKING:
    from tests.parts.origin import Origin

SHORT_S: Final = (5.0, 15.0)
LONG_S: Final = (120.0, 180.0, 240.0, 300.0)
STREAM_S: Final = (60.0, 90.0, 120.0)
BREAK_S: Final = (0.2, 2.0)
RUDE_S: Final = 6.0  # as much is said at most
AGAIN_S: Final = 5.0  # as who is told to come again is told
PATIENCE_S: Final = 60.0
ALWAYS: Final = Window(0.0, float("inf"))


@dataclass(frozen=True, slots=True)
class Material:
    """All that is said; each is said again and again."""

    shorts: tuple[Speech, ...]
    longs: tuple[Speech, ...]
    streams: tuple[tuple[str, float], ...]
    """URLs, and how many seconds each goes on for."""


def prepare(clips: Sequence[Clip], origin: Origin, seconds: float) -> Material:
    """Make what is said; longs and streams shorter than usual for a soak that is short."""
    recordings = [
        Recording(decode_pcm(read_pcm(clip.path), WIRE_PCM), clip.reference or "")
        for clip in core_of("en").clips_of(clips)
    ]
    shortest, longest = (round(one * SAMPLE_RATE) for one in SHORT_S)
    shorts = [one for one in recordings if shortest <= one.samples.size < longest]
    longs = [min(one, seconds / 4) for one in LONG_S]
    pulled = [min(one, seconds / 6) for one in STREAM_S]
    progress = Progress("joining speech", len(shorts) + len(longs) + len(pulled))
    vad = SileroVad.load(SILERO_VAD)

    def made(monologue: Monologue) -> Speech:
        samples = decode_pcm(monologue.pcm, WIRE_PCM)
        utterances = find_utterances(samples, vad, own_endpoint("fast"))
        progress.advance()
        return Speech(monologue=monologue, pcm=monologue.pcm, utterances=utterances)

    def joined(number: int, length_s: float) -> Monologue:
        return join_recordings(recordings, seconds=length_s, seed=number)

    def pulls(number: int, length_s: float) -> tuple[str, float]:
        progress.advance()
        pcm = joined(100 + number, length_s).pcm
        return origin.url(_publish(origin.folder, pcm, number)), length_s

    return Material(
        shorts=tuple(made(_with_silence(one)) for one in shorts),
        longs=tuple(made(joined(*one)) for one in enumerate(longs)),
        streams=tuple(pulls(*one) for one in enumerate(pulled)),
    )


def _publish(folder: Path, pcm: bytes, number: int) -> str:
    """Put it into the origin's folder, as another kind each time."""
    name = f"talk-{number}"
    if number % 3 == 0:
        path = folder / f"{name}.wav"
        path.write_bytes(wav(pcm))
    elif number % 3 == 1:
        path = make_file(folder, pcm, "mp3", name=name)
    else:
        path = make_hls(folder, pcm, "ts", name=name)
    return path.name


def _with_silence(one: Recording) -> Monologue:
    silence = np.zeros(round(END_SILENCE_S * SAMPLE_RATE), np.float32)
    return Monologue(np.concatenate([one.samples, silence]), one.text)


@dataclass
class Soaking:
    """All lanes of a soak, and what has come of them."""

    target: Target
    material: Material
    clock: Callable[[], float]
    """Seconds since it began."""
    seconds: float
    outcomes: list[Outcome] = field(default_factory=list)
    _rudeness: Iterator[Rude] = field(default_factory=lambda: cycle(RUDE))
    _pulled: Iterator[tuple[str, float]] = field(init=False)
    _first: dict[str, tuple[FinalResult, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take kinds of streams in turn: they hold different numbers of descriptors."""
        self._pulled = cycle(self.material.streams)

    async def run_lane(self, kind: Kind, seed: int) -> None:
        """Have one session after the other until the time is over, which ends the last one."""
        random = Random(seed)
        while self._left_s > 0:
            await asyncio.sleep(min(random.uniform(*BREAK_S), self._left_s))
            session = asyncio.ensure_future(self._run_one(kind, random))
            await asyncio.wait([session], timeout=self._left_s)
            if not session.done():
                session.cancel()
                await asyncio.gather(session, return_exceptions=True)
                self.outcomes.append(Outcome(act=kind, told=CUT_OFF, at_s=self.clock()))
                return
            outcome = session.result()
            self.outcomes.append(outcome)
            if outcome.told == BUSY:
                await asyncio.sleep(min(AGAIN_S, self._left_s))

    @property
    def _left_s(self) -> float:
        return max(self.seconds - self.clock(), 0.0)

    async def _run_one(self, kind: Kind, random: Random) -> Outcome:
        match kind:
            case "rude":
                return await self._be_rude(random)
            case "stream":
                return await self._pull(*next(self._pulled))
            case "long":
                return await self._speak(kind, random.choice(self.material.longs))
            case "short":
                return await self._speak(kind, random.choice(self.material.shorts))

    async def _be_rude(self, random: Random) -> Outcome:
        address = urlsplit(self.target.url)
        rude, speech = next(self._rudeness), random.choice(self.material.shorts)
        client = RudeClient(str(address.hostname), int(address.port or 0), self.target.key)
        told = await client.act(rude, speech.pcm[: int(RUDE_S * SAMPLE_RATE) * 2])
        return Outcome(act=rude, told=told, at_s=self.clock())

    async def _speak(self, act: Kind, speech: Speech) -> Outcome:
        target = replace(self.target, wishes=ENGLISH)
        (record,) = await run_joining(target, [Source(pcm=speech.pcm)], patience_s=PATIENCE_S)
        late = measure_stream(record, speech.utterances, ALWAYS)
        name = f"{act} {hash(speech.pcm)}"
        return Outcome(
            act=act,
            told=told_of(record.failure),
            at_s=self.clock(),
            difference="" if record.failure else self._compare(name, record.finals),
            late_ms=late.speech_to_final_ms,
            finals=len(record.finals),
        )

    async def _pull(self, url: str, length_s: float) -> Outcome:
        finals: list[FinalResult] = []
        told = STOPPED
        session = connect(
            self.target.url, key=self.target.key, url=url, pace="realtime", language="en"
        )
        try:
            async with asyncio.timeout(length_s + PATIENCE_S), session as client:
                finals += [one async for one in client if isinstance(one, FinalResult)]
        except ClientError as error:
            told = told_of(str(error))
        except TimeoutError:
            told = "not waited for any longer"
        return Outcome(
            act="stream",
            told=told,
            at_s=self.clock(),
            difference=self._compare(url, tuple(finals)) if told == STOPPED else "",
            finals=len(finals),
        )

    def _compare(self, name: str, finals: tuple[FinalResult, ...]) -> str:
        """Return what is not as it was the first time; nothing of that time itself."""
        return find_difference(finals, self._first.setdefault(name, finals)) or ""
