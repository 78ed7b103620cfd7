"""Who spoke when: diarization error rate on conversations with a reference.

The error rate is pyannote.metrics', with a collar of 0.25 s on each side of every reference
boundary. The hypothesis of a final reaches from the start of its first word to the end of its
last; a final without a speaker counts as missed. The reference counts the pauses inside a turn as
speech, so a perfect segmentation misses 4 to 6 % as well. The cost is processor time of the two
models that tell speakers apart, beside that of everything else.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.manifest import Clip, read_manifest
from bench.own_rules import own_rules
from bench.table import format_table
from scribewire.audio.local_decoder import read_audio
from scribewire.engines.engines import Engines
from scribewire.engines.loader import load_engines
from scribewire.engines.protocols import EmbeddingEngine, TurnEngine, VadEngine, Voices
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    EmbeddingRequest,
    EmbeddingResult,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import recognize
from scribewire.types import SAMPLE_RATE, Mode

if TYPE_CHECKING:
    from pyannote.core import Annotation

    from scribewire.types import Samples

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ("conv2_dev_a", "conv4_dev", "long5_dev")
COLLAR_S = 0.5  # pyannote counts both sides together
CHUNK_SAMPLES = SAMPLE_RATE // 10
TURN_PAUSE_S = 1.5  # a longer pause of one speaker ends his turn
SPEECH = 0.35  # the endpointer's lower threshold


class MeasuredVad:
    """A VAD that remembers what it measured."""

    def __init__(self, vad: VadEngine) -> None:
        self._vad = vad
        self.probabilities: list[float] = []

    def measure(self, request: VadRequest) -> VadResult:
        """Measure, and remember."""
        result = self._vad.measure(request)
        self.probabilities += result.probabilities
        return result

    def close(self) -> None:
        """Do nothing: the engine inside goes on."""

    def speech_span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where speech begins and ends between two positions, or None."""
        first = -(-start // FRAME_SAMPLES)
        frames = np.asarray(self.probabilities[first : -(-end // FRAME_SAMPLES)])
        speech = np.flatnonzero(frames >= SPEECH)
        if not speech.size:
            return None
        return (first + int(speech[0])) * FRAME_SAMPLES, (
            first + int(speech[-1]) + 1
        ) * FRAME_SAMPLES


@dataclass
class MeasuredVoices:
    """Both engines for speakers, with the processor time that they take."""

    embedding: EmbeddingEngine
    turns: TurnEngine
    cpu_s: float = 0.0
    calls: dict[str, int] = field(default_factory=lambda: {"embedding": 0, "turns": 0})

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """Embed, and count."""
        before = time.thread_time()
        result = self.embedding.embed(request)
        self._count("embedding", before)
        return result

    def find_turns(self, request: TurnRequest) -> TurnResult:
        """Find turns, and count."""
        before = time.thread_time()
        result = self.turns.find_turns(request)
        self._count("turns", before)
        return result

    def close(self) -> None:
        """Do nothing: the engines inside go on."""

    def _count(self, name: str, before: float) -> None:
        self.cpu_s += time.thread_time() - before
        self.calls[name] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one clip gave."""

    name: str
    mode: Mode
    seconds: float
    finals: int
    unnamed: int
    speakers: int
    true_speakers: int
    der: float
    confusion: float
    missed: float
    false_alarm: float
    der_of_turns: float
    """When the pauses between finals of one speaker are taken for speech, as the reference does."""
    speaker_cpu_s: float
    all_cpu_s: float
    embeddings: int
    looks: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the stream somebody speaks, in seconds."""

    start_s: float
    end_s: float
    speaker: str


def measure_clip(
    audio: Path, engines: Engines, *, mode: Mode, endpointing_ms: int | None = None
) -> Outcome:
    """Recognize one conversation and compare who speaks with the reference beside it."""
    # Only the bench set holds it, and the rest of this module is tested without it.
    from pyannote.core import Segment, Timeline  # noqa: PLC0415
    from pyannote.metrics.diarization import DiarizationErrorRate  # noqa: PLC0415

    samples = np.concatenate(list(read_audio(audio)))
    assert engines.voices is not None, "the models that tell speakers apart are missing"
    vad = MeasuredVad(engines.vad)
    voices = MeasuredVoices(engines.voices.embedding, engines.voices.turns)
    before = time.process_time()
    rules = own_rules(
        engines.speech[0],
        mode=mode,
        endpointing_ms=endpointing_ms,
        partials=False,
        speakers=True,
    )
    finals = _recognize(samples, rules, engines, vad=vad, voices=voices)
    all_cpu_s = time.process_time() - before
    reference = _annotate(read_rttm(audio.with_suffix(".rttm")))
    spans = who_speaks(finals, vad)
    hypothesis = _annotate(spans)
    whole = Timeline([Segment(0, len(samples) / SAMPLE_RATE)])
    metric = DiarizationErrorRate(collar=COLLAR_S, skip_overlap=False)
    found = metric(reference, hypothesis, uem=whole, detailed=True)
    turns_der = DiarizationErrorRate(collar=COLLAR_S, skip_overlap=False)(
        reference, _annotate(join_turns(spans)), uem=whole
    )
    total = found["total"] / 100
    return Outcome(
        name=audio.stem,
        mode=mode,
        seconds=len(samples) / SAMPLE_RATE,
        finals=len(finals),
        unnamed=sum(final.speaker is None for final in finals),
        speakers=len(hypothesis.labels()),
        true_speakers=len(reference.labels()),
        der=found["diarization error rate"] * 100,
        confusion=found["confusion"] / total,
        missed=found["missed detection"] / total,
        false_alarm=found["false alarm"] / total,
        der_of_turns=turns_der * 100,
        speaker_cpu_s=voices.cpu_s,
        all_cpu_s=all_cpu_s,
        embeddings=voices.calls["embedding"],
        looks=voices.calls["turns"],
    )


def _recognize(
    samples: Samples,
    rules: RecognizerRules,
    engines: Engines,
    *,
    vad: MeasuredVad,
    voices: MeasuredVoices,
) -> list[Final]:
    chunks = [samples[at : at + CHUNK_SAMPLES] for at in range(0, len(samples), CHUNK_SAMPLES)]
    events = recognize(Recognizer(rules), chunks, vad, engines.speech[0], Voices(voices, voices))
    return [event for event in events if isinstance(event, Final) and event.text]


def who_speaks(finals: Sequence[Final], vad: MeasuredVad) -> list[Span]:
    """Return who speaks when: from a final's first word to its last, or where there is speech."""
    spans = []
    start = 0
    for final in finals:
        heard = vad.speech_span(start, final.end_sample)
        start = final.end_sample
        if final.speaker is None:
            continue
        if final.words:
            first_s, last_s = final.words[0].start_ms / 1000, final.words[-1].end_ms / 1000
        elif heard is not None:
            first_s, last_s = heard[0] / SAMPLE_RATE, heard[1] / SAMPLE_RATE
        else:
            continue
        spans.append(Span(first_s, last_s, f"Speaker {final.speaker}"))
    return spans


def join_turns(spans: Sequence[Span]) -> list[Span]:
    """Return turns: spans of one speaker, in a row, with short pauses between them as one."""
    turns: list[Span] = []
    for span in spans:
        last = turns[-1] if turns else None
        if last and last.speaker == span.speaker and span.start_s - last.end_s <= TURN_PAUSE_S:
            turns[-1] = Span(last.start_s, span.end_s, span.speaker)
        else:
            turns.append(span)
    return turns


def read_rttm(path: Path) -> list[Span]:
    """Read who spoke when."""
    spans = []
    for line in path.read_text("utf-8").splitlines():
        _, _, _, start, duration, _, _, speaker, *_ = line.split()
        spans.append(Span(float(start), float(start) + float(duration), speaker))
    return spans


def _annotate(spans: Sequence[Span]) -> Annotation:
    from pyannote.core import Annotation, Segment  # noqa: PLC0415

    annotation = Annotation()
    for track, span in enumerate(spans):
        annotation[Segment(span.start_s, span.end_s), track] = span.speaker
    return annotation


def format_report(outcomes: Sequence[Outcome]) -> str:
    """Return the table and what telling speakers apart costs."""
    rows = [
        [
            f"{o.mode}, {o.name}",
            *(f"{share:.2f}" for share in (o.der, o.confusion, o.missed, o.false_alarm)),
            f"{o.der_of_turns:.2f}",
            f"{o.speakers} of {o.true_speakers}",
            f"{o.unnamed} of {o.finals}",
        ]
        for o in outcomes
    ]
    header = (
        "%",
        "DER",
        "confusion",
        "missed",
        "false alarm",
        "DER of turns",
        "speakers",
        "unnamed",
    )
    return "\n\n".join([format_table(header, rows), _format_cost(outcomes)])


def _format_cost(outcomes: Sequence[Outcome]) -> str:
    seconds = sum(o.seconds for o in outcomes)
    cost = sum(o.speaker_cpu_s for o in outcomes)
    others = sum(o.all_cpu_s for o in outcomes) - cost
    looks, embeddings = sum(o.looks for o in outcomes), sum(o.embeddings for o in outcomes)
    return (
        f"cost {1000 * cost / seconds:.1f} ms of processor time per second of audio "
        f"({embeddings} embeddings, {looks} looks for a change); the rest, without partials, "
        f"{1000 * others / seconds:.1f} ms"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every clip in every mode, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="speakers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--clip", action="append", help=f"one of the clips; all of {CLIPS}")
    parser.add_argument("--mode", choices=get_args(Mode), action="append", help="both")
    parser.add_argument("--endpointing", type=int, help="silence that ends a final, in ms; by mode")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/speakers.json")
    options = parser.parse_args(arguments)
    try:
        clips = choose_clips(read_manifest(options.manifest), options.clip or CLIPS)
    except (OSError, ValueError) as error:
        sys.exit(f"speakers: {error}")
    engines = load_engines()
    outcomes = [
        measure_clip(clip.path, engines, mode=mode, endpointing_ms=options.endpointing)
        for mode in options.mode or get_args(Mode)
        for clip in clips
    ]
    engines.close()
    print(format_report(outcomes))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "clips": [asdict(one) for one in outcomes]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def choose_clips(clips: Sequence[Clip], names: Sequence[str]) -> list[Clip]:
    """Return the clips of these names, in their order; ValueError if one is missing."""
    known = {clip.id: clip for clip in clips}
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(f"the manifest has no clip {', '.join(missing)}")
    return [known[name] for name in names]


if __name__ == "__main__":
    main()
