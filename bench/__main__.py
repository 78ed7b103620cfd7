"""`python -m bench NAME ...`: run one measurement, or list what can be measured."""

from __future__ import annotations

import sys
from importlib import import_module

# Each is a module of this package with `main(arguments)`, loaded when it is asked for: some need
# packages that only they need.
BENCHES = {
    "abuse": "the abuse drill: all that a network can do to a server, beside live sessions",
    "accuracy": "word error beside the whole clip and moonshine-voice",
    "admission": "how many are let in, however they come (simulated, needs no manifest)",
    "chunkings": "the same finals however the audio was cut",
    "journal": "what a journal of sessions costs, SQLite beside a format of our own (no manifest)",
    "joining": "clients that all come at once: how many are let in, how late finals are",
    "kept": "what sessions take that are kept, and that nothing of it stays (needs no manifest)",
    "language_id": "which language is found, and what finals claim",
    "languages": "word error in Dutch, French and German beside faster-whisper",
    "live": "live streams: latencies, cost, and how many are carried",
    "conditions": "speech that is dropped on telephones, at low levels, on one channel",
    "confidence": "whether words said to be 90 % sure are right nine times in ten",
    "costs": "where a CPU-second goes, and how long finals take",
    "crowds": "sentences repeated in loops: crowds, buzzes, and what is really repeated",
    "cluster_cost": "what a cluster takes of the processor (needs no manifest)",
    "cluster_drill": "sessions whose replicas are killed one after the other (needs no manifest)",
    "cluster_outage": "sessions whose NATS is killed, for a minute or for good (no manifest)",
    "cluster_scaling": "how the work of a cluster grows with its replicas (needs no manifest)",
    "cuts": "what cutting long speech costs",
    "cuts_drill": "sessions whose connections are reset at any moment (needs no manifest)",
    "english_unchanged": "English of an earlier version and of this one, side by side",
    "engine_process": "one process with the models for several servers; batches (no manifest)",
    "floods": "clients without a key that do all they can, beside live sessions",
    "fuzz": "mutated messages by the million, to the protocol core and to a server",
    "hostile_bodies": "sources that make work for the event loop, beside live sessions",
    "hostile_media": "broken media and the decoder process: crashes, time-outs, what is left",
    "mutations": "mutated dialogues: no traceback, nothing left behind",
    "noise": "what is made of audio without speech",
    "observability_cost": "what metrics and logs take of the processor (needs no manifest)",
    "page": "the captions page beside the Python SDK (needs no manifest)",
    "partials": "how calm partials are, how early, and what their stability means",
    "restart_drill": "sessions whose server is restarted or killed (needs no manifest)",
    "scale": "100 to a million streams: machines, cost, what breaks first (simulated)",
    "soak": "an hour of mixed sessions: memory, threads, processes, descriptors, errors",
    "speakers": "diarization error rate",
    "streams": "stream mode: parity, live HLS, faults, many sources at once",
    "timeline": "drift and memory over two hours",
    "word_times": "word times beside a forced aligner",
}


def main(arguments: list[str]) -> None:
    """Give everything after the name to the bench of that name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(list_benches())
        return
    name, *rest = arguments
    if name not in BENCHES:
        sys.exit(f"bench: {name}: no such measurement\n{list_benches()}")
    sys.exit(import_module(f"bench.{name}").main(rest))


def list_benches() -> str:
    """Return how to call this program and what each bench is about."""
    lines = [f"  {name:<19}{about}" for name, about in BENCHES.items()]
    return "\n".join(["usage: python -m bench NAME --manifest PATH [options]", *lines])


if __name__ == "__main__":
    main(sys.argv[1:])
