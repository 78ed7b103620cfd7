"""The same audio gives the same finals: however it was cut, whichever partials were dropped.

    python bench/chunkings.py [--count 200] [--type both]
    python bench/chunkings.py --languages nl --manifest PATH

Plays ten seconds of the recording that comes with the speech model, or twenty of the scored clips
of a language, through a recognizer with the real engines, cut at random places, with half of the
partials dropped at random. The tests do the same with fewer cuts.
"""

from __future__ import annotations

import argparse
import itertools
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
from bench.manifest import core_of, read_manifest, read_pcm
from bench.own_rules import own_rules
from bench.spoken import add_spoken_options, load_spoken, read_spoken
from bench.table import Progress, format_table
from scribewire.audio.local_decoder import read_audio
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.capacity.monologue import Recording, join_recordings
from scribewire.engines.engines import Engines
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.wishes import AUTO

if TYPE_CHECKING:
    from scribewire.types import Mode, Samples


RESULTS = Path(__file__).parent / "results"
JOINED_S = 20.0


def main(arguments: Sequence[str]) -> int:
    """Count the cuttings whose finals differ; the exit code says whether there was one."""
    parser = argparse.ArgumentParser(description=__doc__, prog="chunkings")
    parser.add_argument("--count", type=int, default=200, help="random cuttings of each type")
    parser.add_argument("--type", choices=["fast", "quality", "both"], default="both")
    parser.add_argument("--json", type=Path, default=RESULTS / "chunkings.json")
    parser.add_argument("--manifest", type=Path, help="JSON lines, one per clip: another recording")
    add_spoken_options(parser)
    options = parser.parse_args(arguments)
    modes: list[Mode] = ["fast", "quality"] if options.type == "both" else [options.type]
    engines = load_spoken(read_spoken(options))
    rows = []
    for language, mode in itertools.product(options.languages, modes):
        samples = joined_clips(options.manifest, language) if options.manifest else recording()
        found = compare(mode, samples, engines, options.count, language)
        rows.append([f"{language}, {mode}", *map(str, found)])
    engines.close()
    print(format_table(["type", "cuttings", "finals", "partials dropped", "differing"], rows))
    document = {"rows": rows, **asdict(note_circumstances())}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return int(any(row[-1] != "0" for row in rows))


def recording() -> Samples:
    """Return `beckett.wav` of the speech model's package."""
    assets = distribution("moonshine-voice").locate_file("moonshine_voice/assets/beckett.wav")
    return np.concatenate(list(read_audio(Path(str(assets)))))


def joined_clips(manifest: Path, language: str) -> Samples:
    """Return scored clips of a language with pauses between them; `auto` hears Dutch."""
    clips = core_of("nl" if language == AUTO else language).clips_of(read_manifest(manifest))
    recordings = [Recording(decode_pcm(read_pcm(clip.path), WIRE_PCM)) for clip in clips]
    return join_recordings(recordings, seconds=JOINED_S, seed=0).samples


def compare(
    mode: Mode, samples: Samples, engines: Engines, count: int, language: str = "en"
) -> list[int]:
    """Return cuttings, finals of the whole, partials dropped, and cuttings that differ."""
    random = np.random.default_rng(1)
    whole, _ = play(mode, [samples], engines, random, language)
    progress = Progress(f"chunkings, {mode}", count)
    differing = dropped = 0
    for _ in range(count):
        cuts = np.sort(random.integers(1, len(samples), size=int(random.integers(1, 400))))
        finals, drops = play(mode, np.split(samples, cuts), engines, random, language)
        differing += finals != whole
        dropped += drops
        progress.advance()
    return [count, len(whole), dropped, differing]


def play(
    mode: Mode,
    chunks: Sequence[Samples],
    engines: Engines,
    random: np.random.Generator,
    language: str = "en",
) -> tuple[list[Final], int]:
    """Return the finals of a stream, and how many of its partials were dropped: every other."""
    recognizer = Recognizer(
        own_rules(
            engines.speech[0],
            mode=mode,
            speakers=engines.voices is not None,
            language=language,
        )
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
