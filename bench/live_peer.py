"""moonshine-voice's own stream API under live load, on the same weights and the same speech.

All streams are in one process, `python -m bench.live_peer` (see live_process.py). Each stream has a
transcriber and a thread of its own, as one transcriber does one decode at a time; the transcribers
are made in one thread, because loading two at once crashes the library.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.live_process import PATIENCE_S, PIECE_SAMPLES, Answer, Note, Order, Peer, StreamNotes
from bench.peer import NAME
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.capacity.load import CHUNK_MS
from scribewire.capacity.server_process import own_usage
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

MOONSHINE_VOICE = Peer(name=NAME, command=("bench.live_peer",), has_our_endpoints=False)


# The process of the peer.


@dataclass
class _Stream:
    """One stream of the peer, fed as a live source is."""

    samples: Samples
    starts_s: float
    transcriber: Any
    sent_s: list[float] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    ended_s: float | None = None

    def run(self, zero: float) -> None:
        """Feed it on the clock that read `zero` at the start of the load."""
        stream = self.transcriber.create_stream()
        stream.add_listener(lambda event: self._note(event, zero))
        stream.start()
        seconds = self.samples.size / SAMPLE_RATE
        for number, at in enumerate(range(0, self.samples.size, PIECE_SAMPLES), start=1):
            due_s = self.starts_s + number * CHUNK_MS / 1000
            now_s = time.perf_counter() - zero
            if now_s > self.starts_s + seconds + PATIENCE_S:
                return
            time.sleep(max(0.0, due_s - now_s))
            stream.add_audio(self.samples[at : at + PIECE_SAMPLES].tolist(), SAMPLE_RATE)
            self.sent_s.append(time.perf_counter() - zero)
        stream.stop()
        self.ended_s = time.perf_counter() - zero

    def _note(self, event: Any, zero: float) -> None:  # noqa: ANN401 - it brings no types
        name = type(event).__name__
        if name not in ("LineTextChanged", "LineCompleted") or not event.line.text:
            return
        note = Note(
            at_s=time.perf_counter() - zero,
            end_ms=round((event.line.start_time + event.line.duration) * 1000),
            text=event.line.text,
            is_complete=event.line.is_complete,
        )
        if not self.notes or {**self.notes[-1], "at_s": 0} != {**note, "at_s": 0}:
            self.notes.append(note)


def _main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints is no answer
    try:
        package = importlib.import_module("moonshine_voice")  # by name: it brings no types
    except OSError as error:
        sys.exit(f"{error} (apt-get install libportaudio2)")
    orders: list[Order] = json.load(sys.stdin)
    model = package.get_model_path("tiny-en")
    streams = [
        _Stream(
            decode_pcm(Path(order["path"]).read_bytes(), WIRE_PCM),
            order["starts_s"],
            package.Transcriber(model, package.ModelArch.TINY),
        )
        for order in orders
    ]
    before_s, zero = time.process_time(), time.perf_counter()
    threads = [threading.Thread(target=stream.run, args=(zero,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = [StreamNotes(sent_s=s.sent_s, notes=s.notes, ended_s=s.ended_s) for s in streams]
    answer = Answer(
        streams=notes,
        cpu_s=time.process_time() - before_s,
        peak_rss_bytes=own_usage(engine_cpu_s=0.0).peak_rss_bytes,
    )
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _main()
