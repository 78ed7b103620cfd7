"""The same audio gives the same finals: however it was cut, whichever partials were dropped.

    python bench/chunkings.py [--count 200] [--type both]

Plays ten seconds of the recording that comes with the speech model through a recognizer with the
real engines, cut at random places, with half of the partials dropped at random. The tests do the
same with fewer cuts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from bench.circumstances import note_circumstances
from bench.own_rules import own_rules
from bench.table import Progress, format_table
from scribewire.audio.local_decoder import read_audio
from scribewire.engines.engines import Engines
from scribewire.engines.loader import load_engines
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult

if TYPE_CHECKING:
    from scribewire.types import Mode, Samples


RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str]) -> int:
    """Count the cuttings whose finals differ; the exit code says whether there was one."""
    parser = argparse.ArgumentParser(description=__doc__, prog="chunkings")
    parser.add_argument("--count", type=int, default=200, help="random cuttings of each type")
    parser.add_argument("--type", choices=["fast", "quality", "both"], default="both")
    parser.add_argument("--json", type=Path, default=RESULTS / "chunkings.json")
    options = parser.parse_args(arguments)
    modes: list[Mode] = ["fast", "quality"] if options.type == "both" else [options.type]
    samples = recording()
    engines = load_engines()
    rows = [[mode, *map(str, compare(mode, samples, engines, options.count))] for mode in modes]
    engines.close()
    print(format_table(["type", "cuttings", "finals", "partials dropped", "differing"], rows))
    found = {"rows": rows, **asdict(note_circumstances())}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return int(any(row[-1] != "0" for row in rows))


def recording() -> Samples:
    """Return `beckett.wav` of the speech model's package."""
    assets = distribution("moonshine-voice").locate_file("moonshine_voice/assets/beckett.wav")
    return np.concatenate(list(read_audio(Path(str(assets)))))


def compare(mode: Mode, samples: Samples, engines: Engines, count: int) -> list[int]:
    """Return cuttings, finals of the whole, partials dropped, and cuttings that differ."""
    random = np.random.default_rng(1)
    whole, _ = play(mode, [samples], engines, random)
    progress = Progress(f"chunkings, {mode}", count)
    differing = dropped = 0
    for _ in range(count):
        cuts = np.sort(random.integers(1, len(samples), size=int(random.integers(1, 400))))
        finals, drops = play(mode, np.split(samples, cuts), engines, random)
        differing += finals != whole
        dropped += drops
        progress.advance()
    return [count, len(whole), dropped, differing]


def play(
    mode: Mode, chunks: Sequence[Samples], engines: Engines, random: np.random.Generator
) -> tuple[list[Final], int]:
    """Return the finals of a stream, and how many of its partials were dropped: every other."""
    recognizer = Recognizer(
        own_rules(engines.speech[0], mode=mode, speakers=engines.voices is not None)
    )
    finals: list[Final] = []
    drops = 0
    for chunk in [*chunks, None]:
        if chunk is None:
            recognizer.receive_end()
        else:
            recognizer.receive_audio(chunk)
        while (request := recognizer.next_request()) is not None:
            is_partial = isinstance(request, DecodeRequest) and not request.is_required
            if is_partial and random.random() < 0.5:
                drops += 1
                recognizer.receive_result(request, DecodeResult(None))
            else:
                result = engines.answer(request, engines.speech[0])
                recognizer.receive_result(request, result)
        while (event := recognizer.next_event()) is not None:
            if isinstance(event, Final):
                finals.append(event)
    return finals, drops


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
