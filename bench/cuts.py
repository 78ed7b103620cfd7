"""What it costs to cut long speech: each maximum length beside the run that is not cut.

The clips tagged `long` go through the recognizer as streams do, once for each maximum and once
with the highest that the settings allow, which hardly ever cuts. Two things are told apart: the
word error rate, which falls with every shorter piece that the model hears, and the words lost,
added or changed right at the seams, by the times of the words of both runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer
import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.manifest import Clip, read_manifest, read_pcm
from bench.own_rules import own_endpoint, own_rules
from bench.scoring import WordErrors, add_up, count_errors
from bench.table import Progress, format_table
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.engines import Engines
from scribewire.engines.loader import load_engines
from scribewire.events import Final
from scribewire.recognition.endpointer import (
    Endpointer,
    EndpointRules,
    UtteranceCut,
    UtteranceEnded,
)
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing.scripted import recognize
from scribewire.types import Mode, Word, samples_to_ms

if TYPE_CHECKING:
    from scribewire.types import Samples

ROOT = Path(__file__).resolve().parents[1]
UNCUT_S = 30
MAXIMA_S = (20, 15, 12, 10, 8, 6, 5)
NEAR_MS = 500  # a word this far from a seam has nothing to do with it
INSIDE_MS = 60  # deeper than the error of a word's time, as word_times measures it
BAR_POINTS = 0.5
FRAME_MS = samples_to_ms(FRAME_SAMPLES)
CHUNK_SAMPLES = 16_000


@dataclass(frozen=True, slots=True)
class Seams:
    """Where a maximum made a stream end an utterance that goes on without it, in ms."""

    cuts: tuple[int, ...]
    """In speech, where the maximum was reached."""
    breaths: tuple[int, ...]
    """In a pause that a shorter utterance would not have ended in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamErrors:
    """How the words near the seams differ from those of the run that is not cut."""

    lost: int = 0
    added: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run of all clips."""

    mode: Mode
    maximum_s: int
    errors: WordErrors
    """Against what was said."""
    cuts: int = 0
    breaths: int = 0
    cuts_in_words: int = 0
    seam_errors: SeamErrors
    texts: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="cuts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--type", choices=["fast", "quality", "both"], default="fast")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/cuts.json")
    options = parser.parse_args(arguments)
    try:
        clips = [c for c in read_manifest(options.manifest) if "long" in c.tags and c.reference]
    except (OSError, ValueError) as error:
        sys.exit(f"cuts: {error}")
    if not clips:
        sys.exit(f"cuts: {options.manifest}: no clip with a reference is tagged long")
    modes: dict[str, tuple[Mode, ...]] = {
        "fast": ("fast",),
        "quality": ("quality",),
        "both": ("fast", "quality"),
    }
    outcomes = list(measure(clips, modes[options.type]))
    print(format_report(outcomes))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "runs": [asdict(one) for one in outcomes]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def measure(clips: Sequence[Clip], modes: Sequence[Mode]) -> Iterator[Outcome]:
    """Run every maximum, the uncut run first, in every mode."""
    engines = load_engines()
    samples = [decode_pcm(read_pcm(clip.path), WIRE_PCM) for clip in clips]
    probabilities = [measure_speech(one, engines) for one in samples]
    progress = Progress("cuts", len(modes) * (1 + len(MAXIMA_S)))
    for mode in modes:
        uncut: list[list[Word]] = []
        for maximum_s in (UNCUT_S, *MAXIMA_S):
            words = [recognize_words(one, mode, maximum_s, engines) for one in samples]
            uncut = uncut or words
            seams = [find_seams(one, mode, maximum_s) for one in probabilities]
            yield _compare(mode, maximum_s, clips, words, uncut, seams)
            progress.advance()
    engines.close()


def _compare(
    mode: Mode,
    maximum_s: int,
    clips: Sequence[Clip],
    words: Sequence[Sequence[Word]],
    uncut: Sequence[Sequence[Word]],
    seams: Sequence[Seams],
) -> Outcome:
    texts = tuple(" ".join(word.text for word in some) for some in words)
    near = [
        compare_at_seams(whole, some, (*one.cuts, *one.breaths))
        for whole, some, one in zip(uncut, words, seams, strict=True)
    ]
    return Outcome(
        mode=mode,
        maximum_s=maximum_s,
        errors=add_up(
            count_errors(clip.reference or "", text)
            for clip, text in zip(clips, texts, strict=True)
        ),
        cuts=sum(len(one.cuts) for one in seams),
        breaths=sum(len(one.breaths) for one in seams),
        cuts_in_words=sum(
            count_inside(whole, one.cuts) for whole, one in zip(uncut, seams, strict=True)
        ),
        seam_errors=SeamErrors(
            lost=sum(one.lost for one in near),
            added=sum(one.added for one in near),
            changed=sum(one.changed for one in near),
        ),
        texts=texts,
    )


def recognize_words(samples: Samples, mode: Mode, maximum_s: int, engines: Engines) -> list[Word]:
    """Return the words of every final of one stream."""
    rules = own_rules(
        engines.speech[0], mode=mode, partials=False, max_utterance_ms=maximum_s * 1000
    )
    chunks = [samples[at : at + CHUNK_SAMPLES] for at in range(0, samples.size, CHUNK_SAMPLES)]
    events = recognize(Recognizer(rules), chunks, engines.vad, engines.speech[0])
    return [word for event in events if isinstance(event, Final) for word in event.words or ()]


# Where the seams are: the endpointer depends on nothing but these probabilities.


def measure_speech(samples: Samples, engines: Engines) -> tuple[float, ...]:
    """Return the probability of speech of each frame."""
    padded = np.pad(samples, (0, -samples.size % FRAME_SAMPLES))
    return engines.vad.measure(VadRequest(padded, None)).probabilities


def find_seams(probabilities: Sequence[float], mode: Mode, maximum_s: int) -> Seams:
    """Return what this maximum adds to the ends that utterances have anyway."""
    whole = own_endpoint(mode, max_utterance_ms=UNCUT_S * 1000)
    rules = own_endpoint(mode, max_utterance_ms=maximum_s * 1000)
    _, natural = _find_ends(probabilities, whole)
    cuts, ends = _find_ends(probabilities, rules)
    return Seams(tuple(cuts), tuple(end for end in ends if end not in natural))


def _find_ends(probabilities: Sequence[float], rules: EndpointRules) -> tuple[list[int], list[int]]:
    endpointer = Endpointer(rules)
    boundaries = [endpointer.accept_frame(probability) for probability in probabilities]
    cuts = [b.frame * FRAME_MS for b in boundaries if isinstance(b, UtteranceCut)]
    ends = [b.frame * FRAME_MS for b in boundaries if isinstance(b, UtteranceEnded)]
    return cuts, ends


# What the seams did.


def count_inside(words: Sequence[Word], seams_ms: Sequence[int]) -> int:
    """Return how many seams lie well inside a word."""
    return sum(
        any(word.start_ms + INSIDE_MS < seam < word.end_ms - INSIDE_MS for word in words)
        for seam in seams_ms
    )


def compare_at_seams(
    whole: Sequence[Word], cut: Sequence[Word], seams_ms: Sequence[int]
) -> SeamErrors:
    """Return how the words of a cut run differ from the uncut run's, near the seams."""
    if not whole or not cut:
        return SeamErrors()
    lost = added = changed = 0
    found = jiwer.process_words(" ".join(map(_letters, whole)), " ".join(map(_letters, cut)))
    for chunk in found.alignments[0]:
        missing = whole[chunk.ref_start_idx : chunk.ref_end_idx]
        there = cut[chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "delete":
            lost += _count_near(missing, seams_ms)
        elif chunk.type == "insert":
            added += _count_near(there, seams_ms)
        elif chunk.type == "substitute":
            changed += _count_near(there, seams_ms)
    return SeamErrors(lost=lost, added=added, changed=changed)


def _letters(word: Word) -> str:
    """Return what is compared of a word: always something, and without a space."""
    return "".join(c for c in word.text.casefold() if c.isalnum()) or "-"


def _count_near(words: Sequence[Word], seams_ms: Sequence[int]) -> int:
    return sum(
        any(word.start_ms - NEAR_MS <= seam <= word.end_ms + NEAR_MS for seam in seams_ms)
        for word in words
    )


def format_report(outcomes: Sequence[Outcome]) -> str:
    """Return the table that is printed."""
    rows = []
    whole_rate = 0.0
    for one in outcomes:
        rate = 100 * one.errors.errors / one.errors.words
        if one.maximum_s == UNCUT_S:
            whole_rate = rate
        at_seams = one.seam_errors
        rows.append(
            [
                f"{one.mode}, {one.maximum_s} s",
                f"{rate:.1f}",
                f"{rate - whole_rate:+.1f}",
                str(one.cuts),
                str(one.cuts_in_words),
                str(one.breaths),
                *(str(count) for count in (at_seams.lost, at_seams.added, at_seams.changed)),
            ]
        )
    header = (
        "at most",
        "WER %",
        "more",
        "cuts",
        "in a word",
        "breaths",
        "lost",
        "added",
        "changed",
    )
    words = outcomes[0].errors.words
    return (
        f"{words} words; lost, added and changed: within {NEAR_MS / 1000} s of a cut or breath, "
        f"beside the run of {UNCUT_S} s; wanted: at most {BAR_POINTS:+} points at the maximum "
        f"that is shipped\n\n{format_table(header, rows)}"
    )


if __name__ == "__main__":
    main()
