"""faster-whisper on the weights that we serve: the peer of the languages that Whisper serves.

Whole clips of at most 30 s in its usual window of 30 s, with the language named, five beams, int8,
one thread, and all else as it is unless asked. All clips go through one process, `python -m
bench.whisper_peer`, which is told on its standard input what to hear and prints what it heard as
one line of JSON: no clip leaves anything behind for the next.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from bench.manifest import Clip, read_pcm
from bench.server_process import ROOT
from bench.systems import System
from scribewire.audio.pcm import WIRE_PCM, decode_pcm

NAME = "faster-whisper"
BEAMS = 5


class Order(TypedDict):
    """What the process is to hear."""

    weights: str
    """A folder."""
    clips: list[tuple[str, str]]
    """Path and language of each."""


class Answer(TypedDict):
    """What the process prints."""

    texts: list[str]
    cpu_s: float


class PeerFailedError(Exception):
    """Says for a person why the peer gave no answer."""


def run_whisper_peer(clips: Sequence[Clip], weights: Path) -> System:
    """Ask the peer about all clips; a peer that does not run is a note, not an error."""
    named = [(str(clip.path.resolve()), clip.spoken_language) for clip in clips]
    order = Order(weights=str(weights.resolve()), clips=named)
    try:
        answer: Answer = json.loads(ask("bench.whisper_peer", json.dumps(order)))
    except PeerFailedError as error:
        return System(name=NAME, note=f"not measured: {error}")
    texts = zip(clips, answer["texts"], strict=True)
    return System(
        name=NAME,
        transcripts={clip.id: text for clip, text in texts},
        note=f"whole clips, 30 s window, {BEAMS} beams, int8, language named, one thread",
        cpu_s_per_audio_s=answer["cpu_s"] / sum(clip.seconds for clip in clips),
    )


def ask(module: str, order: str) -> str:
    """Run a peer's process and return what it prints.

    Raises PeerFailedError with its last words.
    """
    process = subprocess.run(
        [sys.executable, "-m", module],
        check=False,
        input=order,
        capture_output=True,
        cwd=ROOT,
        text=True,
    )
    if process.returncode != 0:
        words = process.stderr.strip().splitlines() or [f"exit {process.returncode}"]
        raise PeerFailedError(words[-1])
    return process.stdout


# The process of the peer.


def load_model(weights: str, *, threads: int, at_once: int = 1) -> Any:  # noqa: ANN401 - untyped
    """Load the peer's model; ends the process, with the reason, where it cannot be had."""
    try:
        package = importlib.import_module("faster_whisper")  # by name: only the bench set has it
    except ImportError as error:
        sys.exit(f"{error} (scripts/setup bench)")
    if not (Path(weights) / "model.bin").is_file():  # it would ask a hub for what is not there
        sys.exit(f"{weights}: no model.bin")
    return package.WhisperModel(
        weights, device="cpu", compute_type="int8", cpu_threads=threads, num_workers=at_once
    )


def _main() -> None:
    order: Order = json.load(sys.stdin)
    model = load_model(order["weights"], threads=1)
    texts, cpu_s = [], 0.0
    for path, language in order["clips"]:
        samples = decode_pcm(read_pcm(Path(path)), WIRE_PCM)
        before_s = time.process_time()
        segments, _ = model.transcribe(samples, language=language, beam_size=BEAMS)
        texts.append("".join(segment.text for segment in segments).strip())
        cpu_s += time.process_time() - before_s
    print(json.dumps(Answer(texts=texts, cpu_s=cpu_s)), flush=True)


if __name__ == "__main__":
    _main()
