"""Word times beside a forced aligner's: how far starts and ends are off.

Each clip goes through the recognizer as a stream does: cut where people pause, each final with
the times of its words. The aligner (pocketsphinx) is told what was really said. Words that both
have, in the same order, are compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.forced_alignment import AlignedWord, ForcedAligner, plain_words
from bench.manifest import SPEECH_GROUPS, Clip, read_manifest, read_pcm
from bench.own_rules import own_rules
from bench.table import Progress, format_table
from scribewire.audio.pcm import to_float
from scribewire.engines.engines import Engines
from scribewire.engines.loader import load_engines
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.testing.scripted import recognize
from scribewire.types import Word

if TYPE_CHECKING:
    from scribewire.types import Samples

ROOT = Path(__file__).resolve().parents[1]
MEDIAN_BAR_MS, P90_BAR_MS = 50, 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One word that was said and heard."""

    clip: str
    word: str
    start_error_ms: int | None
    """Ours less the aligner's; None where the aligner cannot know."""
    end_error_ms: int | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write every word as JSON."""
    parser = argparse.ArgumentParser(prog="word_times", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/word_times.json")
    options = parser.parse_args(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"word_times: {error}")
    core = [clip for clip in clips if SPEECH_GROUPS[0].holds(clip)]
    if not core:
        sys.exit(f"word_times: {options.manifest}: no English clip with a trusted reference")
    compared = _compare_all(core)
    print(format_report(core, compared))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    words = [asdict(comparison) for comparison in compared]
    document = {**asdict(note_circumstances()), "words": words}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _compare_all(clips: Sequence[Clip]) -> list[Comparison]:
    engines, aligner = load_engines(), ForcedAligner()
    progress = Progress("word times", len(clips))
    compared: list[Comparison] = []
    for clip in clips:
        pcm = read_pcm(clip.path)
        said = aligner.align(clip.reference or "", pcm)
        heard = recognize_words(engines, to_float(np.frombuffer(pcm, "<i2")))
        compared += compare_words(clip.id, said, heard)
        progress.advance()
    engines.close()
    return compared


def recognize_words(engines: Engines, samples: Samples) -> list[Word]:
    """Return the words of every final of one stream."""
    recognizer = Recognizer(own_rules(engines.speech[0], partials=False))
    events = recognize(recognizer, [samples], engines.vad, engines.speech[0])
    return [word for event in events if isinstance(event, Final) for word in event.words or ()]


def compare_words(
    clip: str, said: Sequence[AlignedWord], heard: Sequence[Word]
) -> list[Comparison]:
    """Return the words that both have, in the order of the clip."""
    pairs = SequenceMatcher(
        None,
        [word.text.strip("'") for word in said],
        ["".join(plain_words(word.text)).strip("'") for word in heard],
        autojunk=False,
    ).get_matching_blocks()
    return [
        Comparison(
            clip=clip,
            word=ours.text,
            start_error_ms=ours.start_ms - theirs.start_ms if theirs.is_start_known else None,
            end_error_ms=ours.end_ms - theirs.end_ms if theirs.is_end_known else None,
        )
        for pair in pairs
        for theirs, ours in zip(
            said[pair.a : pair.a + pair.size], heard[pair.b : pair.b + pair.size], strict=True
        )
    ]


def format_report(clips: Sequence[Clip], compared: Sequence[Comparison]) -> str:
    """Return the table that is printed."""
    read = {clip.id for clip in clips if "librispeech" in clip.tags}
    groups = {
        "all": compared,
        "librispeech": [word for word in compared if word.clip in read],
        "others": [word for word in compared if word.clip not in read],
    }
    rows = []
    for name, words in groups.items():
        starts = _known(word.start_error_ms for word in words)
        ends = _known(word.end_error_ms for word in words)
        for side, errors in (("both", starts + ends), ("starts", starts), ("ends", ends)):
            rows.append([f"{name}, {side}", *_summarise(errors)])
    clip_count = len({word.clip for word in compared})
    table = format_table(["error in ms", "count", "median", "90 %", "95 %", "bias"], rows)
    return (
        f"{len(compared)} words of {clip_count} clips; wanted: median at most {MEDIAN_BAR_MS}, "
        f"90 % at most {P90_BAR_MS}\n\n{table}"
    )


def _summarise(errors: Sequence[int]) -> list[str]:
    if not errors:
        return ["0", "-", "-", "-", "-"]
    sizes = np.percentile(np.abs(errors), [50, 90, 95])
    return [str(len(errors)), *(f"{size:.0f}" for size in sizes), f"{np.median(errors):+.0f}"]


def _known(errors: Iterable[int | None]) -> list[int]:
    return [error for error in errors if error is not None]


if __name__ == "__main__":
    main()
