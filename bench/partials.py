"""Partials: how calm, how early, and whether their stability is true, beside a peer's.

Each clip goes through the recognizer in pieces of 0.1 s, answered at once, so time is audio: how
much of the clip had been fed. What decoding takes comes on top and is stated apart. The peer is
moonshine-voice's stream API on the same weights, fed the same pieces in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.bootstrap import estimate_rate
from bench.circumstances import note_circumstances
from bench.manifest import Clip, core_of, read_manifest
from bench.partial_runs import ClipRun, run_ours
from bench.peer import NAME, PeerLines, run_peer_lines
from bench.server_process import ROOT
from bench.showing import Showing, measure
from bench.spoken import Spoken, add_spoken_options, read_spoken
from bench.stability_fit import (
    BINS,
    Bin,
    Fit,
    calibration_error,
    fit_stability,
    reliability,
)
from bench.table import NOTHING, format_table
from scribewire.models.fitted import write_fitted

CALIBRATION_BAR, CHANGED_BAR = 0.07, 12.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write every text that was shown as JSON."""
    parser = argparse.ArgumentParser(prog="partials", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--fit", action="store_true", help="fit stability instead, on all clips")
    parser.add_argument("--write", action="store_true", help="and put it into the model's file")
    parser.add_argument("--snr", type=float, help="in pink noise of as many dB below; no peer")
    parser.add_argument("--no-peer", action="store_true", help="measure ours alone, in a minute")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/partials.json")
    add_spoken_options(parser)
    options = parser.parse_args(arguments)
    spoken = read_spoken(options)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"partials: {error}")
    is_fit = options.fit or options.write
    chosen = choose_clips(clips, spoken.languages, for_fit=is_fit)
    if not chosen:
        sys.exit(f"partials: {options.manifest}: no clip with a trusted reference")
    runs = run_ours(chosen, spoken, snr_db=options.snr)
    if is_fit:
        fit = fit_stability([one for run in runs for one in run.judged])
        print(format_fit(fit))
        if options.write:
            assert spoken.model.fitted is not None
            write_fit(fit, spoken.model.fitted)
        return
    is_alone = options.no_peer or options.snr is not None or spoken != Spoken()
    peer = PeerLines(note="left out") if is_alone else run_peer_lines(chosen)
    print(format_report(runs, peer))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **describe(runs, peer)}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def choose_clips(
    clips: Sequence[Clip], languages: Sequence[str], *, for_fit: bool
) -> tuple[Clip, ...]:
    """Return the core; to fit, all clips that are not made from another: no reference is needed."""
    if not for_fit:
        return tuple(c for language in languages for c in core_of(language).clips_of(clips))
    return tuple(
        clip
        for clip in clips
        if clip.language in languages and not clip.is_derived and not clip.is_no_speech
    )


def format_report(runs: Sequence[ClipRun], peer: PeerLines) -> str:
    """Return all that is printed when nothing is fitted."""
    columns = {"ours fast": _add_up(measure(run.lines, run.words) for run in runs)}
    if peer.by_clip is not None:
        columns[NAME] = _add_up(measure(peer.by_clip[run.clip.id], run.words) for run in runs)
    rows = zip(*(_summarise(showing) for showing in columns.values()), strict=True)
    table = format_table(
        ["partials", *columns],
        [[cells[0][0], *(value for _, value in cells)] for cells in rows],
    )
    notes = [f"wanted: at most {CHANGED_BAR:.0f} % of the shown words changed", _cost(runs)]
    if peer.note:
        notes.append(f"{NAME}: {peer.note}")
    return "\n\n".join([table, format_stability(runs), "\n".join(notes)])


def format_stability(runs: Sequence[ClipRun]) -> str:
    """Return the reliability table of the stability that was sent."""
    judged = [one for run in runs for one in run.judged]
    claimed = np.array([one.stability for one in judged])
    lasted = np.array([one.has_lasted for one in judged], float)
    error = calibration_error(claimed, lasted)
    table = _format_reliability(reliability(claimed, lasted))
    gaps = [sum(one.stability - one.has_lasted for one in run.judged) for run in runs]
    gap = estimate_rate(gaps, [len(run.judged) for run in runs])
    return (
        f"{table}\nexpected calibration error {error:.3f}; wanted: {CALIBRATION_BAR}\nclaimed "
        f"{claimed.mean():.3f}, lasted {lasted.mean():.3f}: {gap.value / 100:+.3f} "
        f"({gap.low / 100:+.3f} to {gap.high / 100:+.3f}, 95 % over clips)"
    )


def format_fit(fit: Fit) -> str:
    """Return the numbers of the model's stability curve and what they are worth."""
    numbers = format_table(["number", "fitted"], [[k, f"{v:+.2f}"] for k, v in fit.numbers.items()])
    return (
        f"{numbers}\n\non speakers that were not fitted on, {len(fit.errors)} halvings:\n"
        f"{_format_reliability(fit.table)}\n"
        f"expected calibration error, wanted {CALIBRATION_BAR}: {_spread(fit.errors)} of all "
        f"speakers, each unseen; {_spread(fit.half_errors)} of one half; "
        f"{fit.pooled_error:.3f} of all halvings together"
    )


def write_fit(fit: Fit, file: Path) -> None:
    """Put the numbers into a model's file, to the two digits that are printed."""
    numbers = {name: round(value, 2) for name, value in fit.numbers.items()}
    write_fitted(file, ("calibration", "stability"), numbers)


def _spread(errors: Sequence[float]) -> str:
    low, middle, high = np.percentile(errors, [10, 50, 90])
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def _format_reliability(bins: Sequence[Bin | None]) -> str:
    rows = []
    for tenth, one in enumerate(bins):
        name = f"{tenth / BINS:.1f} to {(tenth + 1) / BINS:.1f}"
        if one is None:
            rows.append([name, "0", NOTHING, NOTHING])
        else:
            rows.append([name, str(one.count), f"{one.claimed:.2f}", f"{one.lasted:.2f}"])
    return format_table(["stability", "partials", "mean", "final began so"], rows)


def _add_up(showings: Iterable[Showing]) -> Showing:
    return sum(showings, Showing())


def _summarise(showing: Showing) -> list[tuple[str, str]]:
    delays, firsts = showing.delays_ms, showing.first_delays_ms
    return [
        ("utterances", str(showing.lines)),
        ("partials", str(showing.partials)),
        ("words shown", str(showing.shown_words)),
        ("of them changed later", _percent(showing.changed_words, showing.shown_words)),
        ("of them by the final", _percent(showing.changed_by_final, showing.shown_words)),
        ("word's end to first showing, median", _percentile(delays, 50)),
        ("90 %", _percentile(delays, 90)),
        ("speech to first partial, median", _percentile(firsts, 50)),
        ("90 %", _percentile(firsts, 90)),
        ("speech to first word that lasts, median", _percentile(showing.first_right_delays_ms, 50)),
        ("change of length, mean", f"{_mean(showing.length_changes):.1f} characters"),
        ("partials shorter than the last", _percent(showing.shrinking, showing.partials)),
        ("final begins with the partial, exactly", _percent(showing.prefixes, showing.partials)),
        ("final departs from the last partial", _percent(showing.differing_last, showing.lines)),
        (
            "final departs from the stable words",
            _percent(showing.differing_stable, showing.stable_lines),
        ),
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def _percentile(values: Sequence[int], rank: int) -> str:
    return f"{np.percentile(values, rank):.0f} ms" if values else NOTHING


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _cost(runs: Sequence[ClipRun]) -> str:
    decodes = [cpu_s for run in runs for cpu_s in run.decode_cpu_s]
    if not decodes:
        return "no partial was decoded"
    audio_s = sum(run.clip.seconds for run in runs)
    return (
        f"{len(decodes)} decodes for partials, median {1000 * np.median(decodes):.0f} ms of "
        f"processor time, {sum(decodes) / audio_s:.3f} s per second of audio"
    )


def describe(runs: Sequence[ClipRun], peer: PeerLines) -> dict[str, object]:
    """Return every text that was shown as plain values for JSON."""
    return {
        "peer_note": peer.note,
        "clips": [
            {
                "id": run.clip.id,
                "speaker": run.clip.speaker,
                "ours": [asdict(line) for line in run.lines],
                "words": [asdict(word) for word in run.words],
                NAME: [asdict(line) for line in (peer.by_clip or {}).get(run.clip.id, ())],
            }
            for run in runs
        ],
    }


if __name__ == "__main__":
    main()
