"""Sentences that are repeated in loops: where a crowd talks, where a machine buzzes.

Mixtures of 12 to 20 clips and synthetic buzzes go through the recognizer with the real engines.
What a decoder copies and what a final still repeats is counted. Beside them stand short clips that
are really said three times in a row: of those, nothing may be cut.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.manifest import SPEECH_GROUPS, Clip, read_manifest, read_pcm
from bench.own_rules import own_rules
from bench.server_process import ROOT
from bench.table import Progress, format_table
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.engines import Engines
from scribewire.engines.loader import load_engines
from scribewire.engines.protocols import SpeechEngine
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.recognition.stabilizer import letters_of
from scribewire.testing.scripted import recognize
from scribewire.types import SAMPLE_RATE, Mode

if TYPE_CHECKING:
    from scribewire.types import Samples

TALKERS = range(12, 21)
SECONDS = 20.0
LEVEL = 0.1  # root mean square of every sound
PITCHES_HZ = (90, 110, 120, 150, 200)
BEATS_HZ = 4  # as often as people speak syllables: without it the VAD hears no speech
SAID_TIMES, LONGEST_SAID_S, PAUSE_S = 3, 4.0, 0.2
MODES: tuple[Mode, ...] = ("fast", "quality")
_COPIES = re.compile(r"\b(\S+(?: \S+)+?)((?: \1\b)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one sound gave in one mode."""

    kind: str
    name: str
    mode: Mode
    decoded: tuple[str, ...]
    """Of each final, as the engine had it."""
    finals: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write every text as JSON."""
    parser = argparse.ArgumentParser(prog="crowds", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--mixtures", type=int, default=16, help="how many, each from its own seed")
    parser.add_argument("--first-seed", type=int, default=0, help="of the mixtures")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/crowds.json")
    options = parser.parse_args(arguments)
    try:
        clips = SPEECH_GROUPS[0].clips_of(read_manifest(options.manifest))
    except (OSError, ValueError) as error:
        sys.exit(f"crowds: {error}")
    seeds = range(options.first_seed, options.first_seed + options.mixtures)
    outcomes = list(listen(list(_sounds(clips, seeds))))
    print(format_report(outcomes))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "sounds": [asdict(o) for o in outcomes]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def mix_crowd(voices: Sequence[Samples], talkers: int, seconds: float, *, seed: int) -> Samples:
    """Return as many people talking at once, equally loud, each from somewhere in a recording."""
    random = np.random.default_rng(seed)
    mixed = np.zeros(round(seconds * SAMPLE_RATE))
    order = random.permutation(len(voices))
    for number in range(talkers):
        voice = voices[order[number % len(order)]]
        spoken = np.resize(np.roll(voice, -random.integers(len(voice))), mixed.size)
        mixed += spoken / (np.sqrt(np.mean(np.square(spoken))) + 1e-9)
    return _at_level(mixed)


def make_buzz(pitch_hz: float, seconds: float) -> Samples:
    """Return a sawtooth that swells and fades."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    swelling = 0.5 + 0.5 * np.sin(2 * np.pi * BEATS_HZ * time_s)
    return _at_level((2 * (pitch_hz * time_s % 1) - 1) * swelling)


def say_again(spoken: Samples, times: int) -> Samples:
    """Return what is spoken several times, with short pauses."""
    loud = np.flatnonzero(np.abs(spoken) > np.abs(spoken).max() / 50)
    said = spoken[loud[0] : loud[-1] + 1]
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    return np.concatenate([pause, *[said, pause] * times])


def count_copies(text: str) -> int:
    """Count how often two words or more are said again at once."""
    letters = " ".join(filter(None, map(letters_of, text.split())))
    return sum(
        len(found[2].split()) // len(found[1].split()) for found in _COPIES.finditer(letters)
    )


def listen(sounds: Sequence[tuple[str, str, Samples]]) -> Iterator[Outcome]:
    """Play each sound in both modes."""
    engines = load_engines()
    progress = Progress("crowds", len(sounds))
    for kind, name, samples in sounds:
        for mode in MODES:
            decoded, finals = _hear(samples, mode, engines)
            yield Outcome(kind=kind, name=name, mode=mode, decoded=decoded, finals=finals)
        progress.advance()
    engines.close()


def format_report(outcomes: Sequence[Outcome]) -> str:
    """Return what each kind of sound gave in each mode."""
    rows = []
    for kind, mode in dict.fromkeys((o.kind, o.mode) for o in outcomes):
        chosen = [o for o in outcomes if (o.kind, o.mode) == (kind, mode)]
        decoded = [text for o in chosen for text in o.decoded if text]
        finals = [text for o in chosen for text in o.finals if text]
        copies = [sum(map(count_copies, texts)) for texts in (decoded, finals)]
        rows.append([kind, mode, *map(str, (len(chosen), len(decoded), copies[0]))])
        rows[-1] += map(str, (len(finals), copies[1]))
    header = ("kind", "mode", "sounds", "decoded", "copies", "finals", "copies left")
    return format_table(header, rows)


def _sounds(clips: Sequence[Clip], seeds: range) -> Iterator[tuple[str, str, Samples]]:
    by_speaker = {clip.speaker: decode_pcm(read_pcm(clip.path), WIRE_PCM) for clip in clips}
    voices = list(by_speaker.values())
    for seed in seeds:
        talkers = TALKERS[seed % len(TALKERS)]
        yield "crowd", f"{seed}", mix_crowd(voices, talkers, SECONDS, seed=seed)
    for pitch_hz in PITCHES_HZ:
        yield "buzz", f"{pitch_hz} Hz", make_buzz(pitch_hz, SECONDS)
    for clip in clips:
        if clip.seconds <= LONGEST_SAID_S:
            spoken = decode_pcm(read_pcm(clip.path), WIRE_PCM)
            yield "said three times", clip.id, say_again(spoken, SAID_TIMES)


def _hear(samples: Samples, mode: Mode, engines: Engines) -> tuple[tuple[str, ...], ...]:
    speech = _ListeningEngine(engines.speech[0])
    recognizer = Recognizer(own_rules(speech, mode=mode, partials=False))
    events = recognize(recognizer, [samples], engines.vad, speech)
    finals = tuple(event.text for event in events if isinstance(event, Final))
    return tuple(speech.texts.values()), finals


class _ListeningEngine:
    """A speech engine that keeps what it decoded last for each utterance."""

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self.traits = engine.traits
        self.calibration = engine.calibration
        self.texts: dict[int, str] = {}

    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = self._engine.decode(request)
        assert result.hypothesis is not None
        self.texts[request.utterance] = result.hypothesis.text
        return result

    def close(self) -> None:
        self._engine.close()


def _at_level(wave: np.typing.NDArray[np.float64]) -> Samples:
    level = LEVEL / np.sqrt(np.mean(np.square(wave)))
    sound: Samples = np.clip(wave * level, -1, 1).astype(np.float32)
    return sound


if __name__ == "__main__":
    main()
