"""moonshine-voice's own stream API on the same weights: the peer to beat.

Each clip has a process of its own, `python -m bench.peer FILE`, which prints the transcript and
how it came about as one line of JSON. Importing moonshine_voice loads PortAudio, which a bench
must not need; and its library has one voice detector for the whole process, which carries what it
heard in one clip into the next.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from bench.manifest import Clip, read_pcm
from bench.server_process import ROOT
from bench.showing import Line, Shown
from bench.systems import System
from bench.table import Progress
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

NAME = "moonshine-voice"
PIECE_SAMPLES = SAMPLE_RATE // 10  # as its own example feeds it


class Update(TypedDict):
    """One line of the transcript as the peer tells of it."""

    line: int
    text: str
    is_complete: bool
    fed_samples: int
    """How much of the clip had been fed."""


class Answer(TypedDict):
    """What the process of one clip prints."""

    text: str
    updates: list[Update]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLines:
    """What the peer showed while it listened."""

    by_clip: Mapping[str, tuple[Line, ...]] | None = None
    """None when it could not be run."""
    note: str = ""
    """Why it could not be run."""


class _PeerFailed(Exception):
    """Says for a person why the peer gave no answer."""


def run_peer(clips: Sequence[Clip]) -> System:
    """Ask the peer about each clip; a peer that does not run is a note, not an error."""
    try:
        answers = _ask_about(clips)
    except _PeerFailed as error:
        return System(name=NAME, note=f"not measured: {error}")
    return System(
        name=NAME,
        transcripts={clip: str(answer["text"]) for clip, answer in answers.items()},
        note="its stream API, default options, a fresh process for each clip",
    )


def run_peer_lines(clips: Sequence[Clip]) -> PeerLines:
    """Ask the peer what it showed of each clip before its transcript was complete."""
    try:
        answers = _ask_about(clips)
    except _PeerFailed as error:
        return PeerLines(note=f"not measured: {error}")
    return PeerLines(
        by_clip={clip: read_lines(answer["updates"]) for clip, answer in answers.items()}
    )


def read_lines(updates: Sequence[Update]) -> tuple[Line, ...]:
    """Return the lines that updates tell of: every new text, and as final the complete one."""
    by_line: dict[int, list[Update]] = {}
    for update in updates:
        known = by_line.setdefault(update["line"], [])
        if not known or not _says_the_same(known[-1], update):
            known.append(update)
    return tuple(
        Line(shown=tuple(_show(update) for update in before if update["text"]), final=_show(last))
        for *before, last in by_line.values()
        if last["text"] or any(update["text"] for update in before)
    )


def _says_the_same(one: Update, other: Update) -> bool:
    return one["text"] == other["text"] and one["is_complete"] == other["is_complete"]


def _show(update: Update) -> Shown:
    return Shown(text=update["text"], fed_samples=update["fed_samples"])


def _ask_about(clips: Sequence[Clip]) -> dict[str, Answer]:
    progress = Progress(NAME, len(clips))
    answers = {}
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
            raise _PeerFailed(f"{clip.id}: {reason}")
        answer: Answer = json.loads(done.stdout)
        answers[clip.id] = answer
        progress.advance()
    return answers


# The process of one clip.


def _main(path: Path) -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints is no answer
    try:
        package = importlib.import_module("moonshine_voice")  # by name: it brings no types
    except OSError as error:
        sys.exit(f"{error} (apt-get install libportaudio2)")
    transcriber = package.Transcriber(package.get_model_path("tiny-en"), package.ModelArch.TINY)
    answer = _transcribe(transcriber.create_stream(), decode_pcm(read_pcm(path), WIRE_PCM))
    transcriber.close()
    print(json.dumps(answer), file=answers, flush=True)


def _transcribe(stream: Any, samples: Samples) -> Answer:  # noqa: ANN401 - it brings no types
    fed = 0
    updates: list[Update] = []

    def note(event: Any) -> None:  # noqa: ANN401 - it brings no types
        if event.line is not None:
            update = Update(
                line=event.line.line_id,
                text=event.line.text,
                is_complete=event.line.is_complete,
                fed_samples=fed,
            )
            updates.append(update)

    stream.add_listener(note)
    stream.start()
    for start in range(0, samples.size, PIECE_SAMPLES):
        piece = samples[start : start + PIECE_SAMPLES]
        fed += piece.size
        stream.add_audio(piece.tolist(), SAMPLE_RATE)
    transcript = stream.stop()  # holds every line of the stream; None when the peer failed
    stream.close()
    return Answer(text=" ".join(line.text for line in transcript.lines), updates=updates)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
