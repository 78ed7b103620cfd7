"""Which language is found, and what finals claim: alone, mixed, and where another one is locked.

Samples have at least 3 s of speech. They are heard by the engine of several languages as it is
served: its own decode among the four, then everything it knows, then a session of `auto`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.bootstrap import wilson
from bench.circumstances import note_circumstances
from bench.language_trials import (
    LANGUAGES,
    Sample,
    Tally,
    Trial,
    claims_of,
    hear,
    make_samples,
    pair_up,
    tally,
    try_mixed,
    try_sample,
)
from bench.manifest import read_manifest
from bench.server_process import ROOT
from bench.spoken import Spoken, load_spoken
from bench.table import NOTHING, Progress, format_rate, format_table
from scribewire.engines.engines import Engines

WAYS = {
    "of four, 3 s": "of_four_3s",
    "of four, all": "of_four",
    "of any, 3 s": "of_any_3s",
    "of any, all": "of_any",
}
RESTRICTED_BAR, ANY_BAR = 95, 90  # percent


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write every trial as JSON."""
    parser = argparse.ArgumentParser(
        prog="language_id", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--pairs", type=int, default=3, help="of each two languages, mixed")
    parser.add_argument("--locked", type=int, default=5, help="samples of each language, locked")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/language_id.json")
    options = parser.parse_args(arguments)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"language_id: {error}")
    engines = load_spoken(Spoken(is_multilingual=True))
    samples = list(make_samples(clips, engines.vad))
    trials = _try_samples(samples, engines)
    mixed = _try_mixed(samples, engines, options.pairs)
    locked = _try_locked(samples, engines, options.locked)
    engines.close()
    print(format_report(trials, mixed, locked))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {
        **asdict(note_circumstances()),
        "trials": [asdict(trial) for trial in trials],
        "mixed": {name: [asdict(one) for one in both] for name, both in mixed.items()},
        "locked": {name: asdict(one) for name, one in locked.items()},
    }
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _try_samples(samples: Sequence[Sample], engines: Engines) -> list[Trial]:
    progress = Progress("samples", len(samples))
    trials = []
    for sample in samples:
        trials.append(try_sample(sample, engines))
        progress.advance()
    return trials


def _try_mixed(
    samples: Sequence[Sample], engines: Engines, count: int
) -> dict[str, tuple[Tally, Tally]]:
    pairs = list(pair_up(samples, count))
    progress = Progress("mixed", len(pairs))
    found: dict[str, tuple[Tally, Tally]] = {}
    for first, second in pairs:
        name = f"{first.language} then {second.language}"
        before, after = found.get(name, (Tally(), Tally()))
        more_before, more_after = try_mixed(first, second, engines)
        found[name] = (before + more_before, after + more_after)
        progress.advance()
    return found


def _try_locked(samples: Sequence[Sample], engines: Engines, count: int) -> dict[str, Tally]:
    """Tell each language to sessions in which each is spoken; right is what was told."""
    progress = Progress("locked", len(LANGUAGES))
    found: dict[str, Tally] = {}
    for told in LANGUAGES:
        for spoken in LANGUAGES:
            chosen = [one for one in samples if one.language == spoken][:count]
            claims = (tally(claims_of(hear(one.samples, engines, told)), told) for one in chosen)
            found[f"{told} told, {spoken} spoken"] = sum(claims, Tally())
        progress.advance()
    return found


def format_report(
    trials: Sequence[Trial], mixed: dict[str, tuple[Tally, Tally]], locked: dict[str, Tally]
) -> str:
    """Return all that is printed."""
    return "\n\n".join(
        [
            _format_found(trials),
            f"wanted: at least {RESTRICTED_BAR} % of four, {ANY_BAR} % of any",
            _format_wrong(trials),
            _format_mixed(mixed),
            _format_locked(locked),
        ]
    )


def _format_found(trials: Sequence[Trial]) -> str:
    rows = []
    for language in (*LANGUAGES, "all"):
        chosen = [one for one in trials if language in (one.language, "all")]
        if not chosen:
            continue
        cells = [
            _format_way([getattr(one, way) for one in chosen], chosen) for way in WAYS.values()
        ]
        claims = sum((tally(one.finals, one.language) for one in chosen), Tally())
        rows.append([language, str(len(chosen)), *cells, _format_tally(claims)])
    header = ["language found, %", "samples", *WAYS]
    return format_table([*header, "finals of auto: right, wrong, unsaid"], rows)


def _format_way(found: Sequence[str | None], trials: Sequence[Trial]) -> str:
    if all(one is None for one in found):
        return NOTHING
    right = sum(one == trial.language for one, trial in zip(found, trials, strict=True))
    return f"{right} of {len(found)}: {format_rate(wilson(right, len(found)))}"


def _format_wrong(trials: Sequence[Trial]) -> str:
    rows = [
        [
            trial.name,
            trial.language,
            *(getattr(trial, way) or NOTHING for way in WAYS.values()),
            " ".join(one or NOTHING for one in trial.finals),
        ]
        for trial in trials
        if any(getattr(trial, way) not in (trial.language, None) for way in WAYS.values())
        or tally(trial.finals, trial.language).wrong
        or trial.of_four is None
    ]
    return format_table(["not found everywhere", "is", *WAYS, "finals"], rows)


def _format_mixed(mixed: dict[str, tuple[Tally, Tally]]) -> str:
    rows = [[name, *map(_format_tally, both)] for name, both in mixed.items()]
    return format_table(["auto, right, wrong, unsaid", "finals of the first", "second"], rows)


def _format_locked(locked: dict[str, Tally]) -> str:
    rows = [[name, str(one.right), str(one.wrong), str(one.silent)] for name, one in locked.items()]
    return format_table(["locked: finals that claim", "what was told", "another", "none"], rows)


def _format_tally(one: Tally) -> str:
    return f"{one.right}, {one.wrong}, {one.silent}"


if __name__ == "__main__":
    main()
