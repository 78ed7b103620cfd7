"""What the streams of a load say: clips joined, where speech lies in them, their finals alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from bench.manifest import Clip, core_of, read_pcm
from bench.own_rules import own_endpoint
from bench.table import Progress
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.capacity.load import push
from scribewire.capacity.monologue import Monologue, Recording, join_recordings
from scribewire.capacity.server_process import run_server_process
from scribewire.capacity.utterances import SpokenUtterance, find_utterances
from scribewire.client import FinalResult
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from scribewire.types import Mode
from scribewire.wishes import Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What one stream says, and what is known of it before it is said."""

    monologue: Monologue
    pcm: bytes = field(repr=False)
    utterances: tuple[SpokenUtterance, ...]
    language: str = "en"


class Speeches:
    """The speech of stream 0, 1, 2 ...: always the same, made when it is asked for."""

    def __init__(
        self, clips: Sequence[Clip], *, seconds: float, mode: Mode, language: str = "en"
    ) -> None:
        self._clips = core_of(language).clips_of(clips)
        self._language = language
        self._mode = mode
        self._made: list[Speech] = []
        self._alone: dict[bool, list[tuple[FinalResult, ...]]] = {True: [], False: []}
        self.seconds = seconds  # how long each of them is

    def first(self, count: int) -> Sequence[Speech]:
        """Return the speech of the first streams."""
        if len(self._made) < count:
            progress = Progress("joining speech", count - len(self._made))
            while len(self._made) < count:
                self._made.append(self._make(len(self._made)))
                progress.advance()
        return self._made[:count]

    async def finals_alone(
        self, count: int, *, speakers: bool, environment: Mapping[str, str]
    ) -> Sequence[tuple[FinalResult, ...]]:
        """Return the finals of the first streams when the server has nothing else to do."""
        known = self._alone[speakers]
        missing = self.first(count)[len(known) :]
        if missing:
            progress = Progress("each alone", len(missing))
            async with run_server_process(environment) as server:
                target = replace(
                    server.target,
                    wishes=Wishes(
                        language=self._language,
                        mode=self._mode,
                        partials=False,
                        speakers=speakers,
                    ),
                )
                for speech in missing:
                    known.append((await push(target, speech.pcm)).finals)
                    progress.advance()
        return known[:count]

    def _make(self, number: int) -> Speech:
        monologue = join_recordings(self._recordings, seconds=self.seconds, seed=number)
        rules = own_endpoint(self._mode)
        return Speech(
            monologue=monologue,
            pcm=monologue.pcm,
            utterances=find_utterances(decode_pcm(monologue.pcm, WIRE_PCM), self._vad, rules),
            language=self._language,
        )

    @cached_property
    def _recordings(self) -> list[Recording]:
        return [
            Recording(decode_pcm(read_pcm(clip.path), WIRE_PCM), clip.reference or "")
            for clip in self._clips
        ]

    @cached_property
    def _vad(self) -> SileroVad:
        return SileroVad.load(SILERO_VAD)
