"""Play clips in pieces of 0.1 s through the recognizer, and keep every text that was shown."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.manifest import Clip, read_pcm
from bench.noises import make_noise
from bench.own_rules import own_rules
from bench.showing import Line, Shown
from bench.spoken import Spoken, load_spoken
from bench.table import Progress
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.engines import Engines
from scribewire.engines.protocols import SpeechEngine
from scribewire.events import Final, SpeechStarted, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.recognition.stabilizer import ShownText
from scribewire.testing.scripted import answer_all
from scribewire.types import SAMPLE_RATE, Word

if TYPE_CHECKING:
    from scribewire.types import Samples

PIECE_SAMPLES = SAMPLE_RATE // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A partial, why it was thought to last, and whether it did."""

    speaker: str
    shown: ShownText
    stability: float
    has_lasted: bool
    """Whether the final begins with its text, letter for letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRun:
    """All that one clip gave."""

    clip: Clip
    lines: tuple[Line, ...]
    words: tuple[Word, ...]
    """Of the finals, in order."""
    judged: tuple[Judged, ...]
    """Of every partial, in order."""
    decode_cpu_s: tuple[float, ...]
    """Processor time of each decode for a partial."""


def run_ours(
    clips: Sequence[Clip], spoken: Spoken, *, snr_db: float | None = None
) -> list[ClipRun]:
    """Recognize each clip as a stream of its own, in `fast` mode; in pink noise if it is named."""
    progress = Progress("ours", len(clips))
    engines = load_spoken(spoken)
    runs = []
    for number, clip in enumerate(clips):
        samples = read_noisy(clip, snr_db, seed=number)
        runs.append(_run_clip(clip, samples, engines))
        progress.advance()
    engines.close()
    return runs


def read_noisy(clip: Clip, snr_db: float | None, *, seed: int) -> Samples:
    """Return a clip's samples, in pink noise that is `snr_db` below them in the mean."""
    samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)
    if snr_db is None:
        return samples
    level_db = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12) - snr_db
    seconds = samples.size / SAMPLE_RATE
    return samples + make_noise("pink", level_db=level_db, seconds=seconds, seed=seed)


def _run_clip(clip: Clip, samples: Samples, engines: Engines) -> ClipRun:
    shown_texts: list[ShownText] = []
    rules = own_rules(engines.speech[0], language=clip.language)

    def judge(shown: ShownText) -> float:
        shown_texts.append(shown)
        return rules.judge_stability(shown)

    recognizer = Recognizer(replace(rules, judge_stability=judge))
    speech = _TimedEngine(engines.speech[0])
    lines: list[Line] = []
    words: list[Word] = []
    judged: list[Judged] = []
    open_line: list[Shown] = []
    for fed, event in _play(recognizer, samples, engines, speech):
        if isinstance(event, SpeechStarted):
            continue
        if not isinstance(event, Final):
            stable = shown_texts[len(judged) + len(open_line)]
            open_line.append(
                Shown(
                    text=event.text,
                    fed_samples=fed,
                    stability=event.stability,
                    stable_text=" ".join(word.text for word in stable.words[: stable.stable_count]),
                )
            )
            continue
        final = Shown(text=event.text, fed_samples=fed)
        judged += _judge(clip, shown_texts[len(judged) :], open_line, final)
        lines.append(Line(shown=tuple(open_line), final=final))
        words += event.words or ()
        open_line = []
    return ClipRun(
        clip=clip,
        lines=tuple(lines),
        words=tuple(words),
        judged=tuple(judged),
        decode_cpu_s=tuple(speech.cpu_s),
    )


def _judge(
    clip: Clip, texts: Sequence[ShownText], partials: Sequence[Shown], final: Shown
) -> Iterator[Judged]:
    for text, partial in zip(texts, partials, strict=False):
        assert partial.stability is not None
        yield Judged(
            speaker=clip.speaker or clip.id,
            shown=text,
            stability=partial.stability,
            has_lasted=final.text.startswith(partial.text),
        )


def _play(
    recognizer: Recognizer, samples: Samples, engines: Engines, speech: SpeechEngine
) -> Iterator[tuple[int, TranscriptEvent]]:
    """Give each event with how much had been fed. Finals come in order of partials."""
    for start in range(0, samples.size, PIECE_SAMPLES):
        piece = samples[start : start + PIECE_SAMPLES]
        recognizer.receive_audio(piece)
        for event in answer_all(recognizer, engines.vad, speech):
            yield start + piece.size, event
    recognizer.receive_end()
    for event in answer_all(recognizer, engines.vad, speech):
        yield samples.size, event


class _TimedEngine:
    """A speech engine, and what its decodes for partials cost."""

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self.traits = engine.traits
        self.calibration = engine.calibration
        self.cpu_s: list[float] = []

    def decode(self, request: DecodeRequest) -> DecodeResult:
        began_s = time.process_time()  # the engine's own threads count too
        result = self._engine.decode(request)
        if not request.is_required:
            self.cpu_s.append(time.process_time() - began_s)
        return result

    def close(self) -> None:
        self._engine.close()
