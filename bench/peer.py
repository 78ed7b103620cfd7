"""moonshine-voice's own stream API on the same weights: the peer to beat.

Each clip has a process of its own, `python -m bench.peer FILE`, which prints the transcript as
one line of JSON. Importing moonshine_voice loads PortAudio, which a bench must not need; and its
library has one voice detector for the whole process, which carries what it heard in one clip
into the next.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.manifest import Clip, read_pcm
from bench.server_process import ROOT
from bench.systems import System
from bench.table import Progress
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

NAME = "moonshine-voice"
PIECE_SAMPLES = SAMPLE_RATE // 10  # as its own example feeds it


def run_peer(clips: Sequence[Clip]) -> System:
    """Ask the peer about each clip; a peer that does not run is a note, not an error."""
    progress = Progress(NAME, len(clips))
    transcripts = {}
    for clip in clips:
        done = subprocess.run(
            [sys.executable, "-m", "bench.peer", str(clip.path.resolve())],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=ROOT,
            text=True,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            return System(name=NAME, note=f"not measured: {clip.id}: {reason}")
        transcripts[clip.id] = str(json.loads(done.stdout))
        progress.advance()
    return System(
        name=NAME,
        transcripts=transcripts,
        note="its stream API, default options, a fresh process for each clip",
    )


# The process of one clip.


def _main(path: Path) -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints is no answer
    try:
        package = importlib.import_module("moonshine_voice")  # by name: it brings no types
    except OSError as error:
        sys.exit(f"{error} (apt-get install libportaudio2)")
    transcriber = package.Transcriber(package.get_model_path("tiny-en"), package.ModelArch.TINY)
    text = _transcribe(transcriber.create_stream(), decode_pcm(read_pcm(path), WIRE_PCM))
    transcriber.close()
    print(json.dumps(text), file=answers, flush=True)


def _transcribe(stream: Any, samples: Samples) -> str:  # noqa: ANN401 - it brings no types
    stream.start()
    for start in range(0, samples.size, PIECE_SAMPLES):
        stream.add_audio(samples[start : start + PIECE_SAMPLES].tolist(), SAMPLE_RATE)
    transcript = stream.stop()  # holds every line of the stream; None when the peer failed
    stream.close()
    return " ".join(line.text for line in transcript.lines)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
