"""The loop of local_agreement.py under live load, on faster-whisper and the weights that we serve.

All streams are in one process, `python -m bench.live_loop WEIGHTS LANGUAGE MODE STREAMS` (see
live_process.py), with one model that decodes as many streams at once as there are cores. Each has
a thread that takes what there is of its audio, decodes, and takes what has come meanwhile. Five
beams, word times and a prompt, as whisper_streaming asks for; int8. Utterances end as ours do.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.live_process import PATIENCE_S, PIECE_SAMPLES, Answer, Note, Order, Peer, StreamNotes
from bench.local_agreement import AgreementLoop, Shown, TimedWord, Transcribe
from bench.own_rules import own_endpoint
from bench.whisper_peer import BEAMS, load_model
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.capacity.load import CHUNK_MS
from scribewire.capacity.server_process import own_usage
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from scribewire.types import SAMPLE_RATE, Mode, samples_to_ms

if TYPE_CHECKING:
    from scribewire.types import Samples

NAME = "LocalAgreement loop"


def agreement_loop(weights: Path, language: str, mode: Mode, streams: int) -> Peer:
    """Return the peer for so many streams of a language."""
    return Peer(
        name=NAME,
        command=("bench.live_loop", str(weights.resolve()), language, mode, str(streams)),
        has_our_endpoints=True,
    )


# The process of the peer.


@dataclass
class _Stream:
    """One stream of the peer, fed as a live source is."""

    samples: Samples
    starts_s: float
    loop: AgreementLoop
    notes: list[Note] = field(default_factory=list)
    ended_s: float | None = None

    def run(self, zero: float) -> None:
        """Feed it on the clock that read `zero` at the start of the load."""
        heard, seconds = 0, self.samples.size / SAMPLE_RATE
        while heard < self.samples.size:
            spoken_s = time.perf_counter() - zero - self.starts_s
            if spoken_s > seconds + PATIENCE_S:
                return
            pieces = max(0, int(spoken_s * 1000) // CHUNK_MS)
            ready = min(self.samples.size, pieces * PIECE_SAMPLES)
            if ready <= heard:
                time.sleep(max(0.001, (pieces + 1) * CHUNK_MS / 1000 - spoken_s))
                continue
            for shown in self.loop.receive_audio(self.samples[heard:ready]):
                self._note(shown, zero)
            heard = ready
        for shown in self.loop.receive_end():
            self._note(shown, zero)
        self.ended_s = time.perf_counter() - zero

    def _note(self, shown: Shown, zero: float) -> None:
        self.notes.append(
            Note(
                at_s=time.perf_counter() - zero,
                end_ms=samples_to_ms(shown.end_sample),
                text=shown.text,
                is_complete=shown.is_final,
            )
        )

    def told(self) -> StreamNotes:
        """Return what came of it; each piece was there when it was due."""
        pieces = -(-self.samples.size // PIECE_SAMPLES)
        due_s = [self.starts_s + number * CHUNK_MS / 1000 for number in range(1, pieces + 1)]
        return StreamNotes(sent_s=due_s, notes=self.notes, ended_s=self.ended_s)


def _transcriber(model: Any, language: str) -> Transcribe:  # noqa: ANN401 - it brings no types
    def transcribe(samples: Samples, prompt: str) -> Sequence[TimedWord]:
        segments, _ = model.transcribe(
            samples,
            language=language,
            beam_size=BEAMS,
            initial_prompt=prompt or None,
            word_timestamps=True,
        )
        return [
            TimedWord(word.word, float(word.start), float(word.end))
            for segment in segments
            for word in segment.words
        ]

    return transcribe


def _main(weights: str, language: str, mode: Mode, streams: int) -> None:
    orders: list[Order] = json.load(sys.stdin)
    cores = os.cpu_count() or 1
    at_once = min(streams, cores)
    model = load_model(weights, threads=max(1, cores // at_once), at_once=at_once)
    rules = own_endpoint(mode)
    running = [
        _Stream(
            decode_pcm(Path(order["path"]).read_bytes(), WIRE_PCM),
            order["starts_s"],
            AgreementLoop(_transcriber(model, language), SileroVad.load(SILERO_VAD), rules),
        )
        for order in orders
    ]
    before_s, zero = time.process_time(), time.perf_counter()
    threads = [threading.Thread(target=stream.run, args=(zero,)) for stream in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer = Answer(
        streams=[stream.told() for stream in running],
        cpu_s=time.process_time() - before_s,
        peak_rss_bytes=own_usage(engine_cpu_s=0.0).peak_rss_bytes,
    )
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], cast("Mode", sys.argv[3]), int(sys.argv[4]))
