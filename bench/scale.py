"""From a hundred streams to a million: machines, latencies, cost, what breaks first. On paper.

    python -m bench scale                                # with what was measured before
    python -m bench scale --measure --manifest PATH      # measure this machine first
    python -m bench scale --spread-s 20 --core-price 0.03

Machines know nothing of each other. So one is simulated whole, with the real scheduler and
admission, for each number of streams that it may hold; sessions that come about the full hour, the
balancer and the autoscaler are simulated session by session; and finals of a fleet are those of its
machines, each as long as it held so many streams.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.manifest import read_manifest
from bench.scale_inputs import (
    MEASURED,
    add_assumptions,
    changed,
    read_assumptions,
    read_measured,
)
from bench.scale_limits import Limit, find_limits
from bench.scale_machine import predict, trace
from bench.scale_rows import Basis, Row, hour_by_hour, make_rows, price_of_gpu
from bench.table import format_table

RESULTS = Path(__file__).parent / "results"
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (
    "streams|fleet|cells|replicas|waited|gave up|wait p50|p95|p99, s"
    "|final p50|p95|p99, ms|$ a stream hour"
)
LIMIT_COLUMNS = "part|breaks at|of one|limit|is|knob"
LIVE_COLUMNS = (
    "streams|final p50|simulated|p95|simulated|p99|simulated|partials every|simulated|other cores"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure if it is asked for, simulate, print the tables, write the JSON and draw."""
    options = _read(arguments)
    if options.measure:
        _measure(options)
    try:
        measured = read_measured(options.measured)
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.exit(f"scale: {options.measured}: {error}")
    assumed = read_assumptions(options)
    curve = trace(measured.machine, measured.outside_s)
    basis = Basis(curve, measured, assumed)
    rows = [row for size in options.streams for row in make_rows(size, basis, options.cells)]
    predicted = [predict(measured.machine, measured.outside_s, one) for one in measured.live]
    limits = find_limits(curve, measured, assumed)
    document = {
        **asdict(note_circumstances()),
        "assumed": asdict(assumed),
        "changed": list(changed(assumed)),
        "let_in": curve.let_in,
        "carried": curve.carried,
        "finals_per_s": curve.finals_per_s,
        "partials_per_s": curve.partials_per_s,
        "rows": [asdict(one) for one in rows],
        "limits": [asdict(one) for one in limits],
        "gpu": asdict(price_of_gpu(basis)),
        "predicted": [asdict(one) for one in predicted],
        "measured": asdict(measured),
        "hour": hour_by_hour(basis),
    }
    print(format_scale(rows, limits, document))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if options.plot is not None:
        from bench.scale_plot import plot_scale  # noqa: PLC0415 - matplotlib

        plot_scale(document, options.plot)


def format_scale(rows: Sequence[Row], limits: Sequence[Limit], document: dict[str, Any]) -> str:
    """Return the tables."""
    fleet = format_table(
        COLUMNS.split("|"),
        [_row(row) for row in rows],
    )
    first = format_table(
        LIMIT_COLUMNS.split("|"),
        [
            [
                one.part,
                f"{one.streams:,.0f}",
                "cell" if one.is_shared else "replica",
                one.limit,
                one.source,
                one.knob,
            ]
            for one in limits
        ],
    )
    pairs = zip(document["predicted"], document["measured"]["live"], strict=True)
    beside = format_table(
        LIVE_COLUMNS.split("|"),
        [
            [
                str(live["streams"]),
                *(
                    f"{one[name]:.0f}"
                    for name in ("final_p50", "final_p95", "final_p99", "partial_interval")
                    for one in (live, told)
                ),
                f"{live['clients'] + live['others']:.2f}",
            ]
            for told, live in pairs
        ],
    )
    gpu = "\n".join(f"{name}: {value:.4g}" for name, value in document["gpu"].items())
    return "\n\n".join((fleet, first, beside, f"a GPU, not measured:\n{gpu}"))


def _row(row: Row) -> list[str]:
    return [
        f"{row.streams:,}",
        row.scaling,
        str(row.cells),
        f"{row.replicas:,}",
        f"{row.waited:.1%}",
        f"{row.gave_up:.1%}",
        *(f"{one:.0f}" for one in row.waits_s),
        *(f"{one:.0f}" for one in row.final_ms),
        f"{row.price:.4f}",
    ]


def _measure(options: argparse.Namespace) -> None:
    from bench.scale_measure import measure  # noqa: PLC0415 - NATS, PostgreSQL and real engines

    if options.manifest is None:
        sys.exit("scale: --measure needs --manifest")
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"scale: {error}")
    measured = measure(
        clips,
        seconds=options.seconds,
        live=options.live,
        live_s=options.live_s,
        earlier=options.earlier,
    )
    options.measured.parent.mkdir(parents=True, exist_ok=True)
    options.measured.write_text(json.dumps(asdict(measured), indent=1) + "\n", "utf-8")


def _counts(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=_counts, default=SIZES, help="comma-separated")
    parser.add_argument("--cells", type=int, default=3, help="that are simulated, at most")
    parser.add_argument("--json", type=Path, default=RESULTS / "scale.json")
    parser.add_argument("--plot", type=Path, help="where to draw it, as .png and .svg")
    parser.add_argument(
        "--measured", type=Path, default=MEASURED, help="of this or another machine"
    )
    parser.add_argument("--measure", action="store_true", help="measure this machine first")
    parser.add_argument("--manifest", type=Path, help="JSON lines, one per clip")
    parser.add_argument("--earlier", type=Path, help="what `live` wrote, instead of --live")
    parser.add_argument("--seconds", type=float, default=200.0, help="of speech to time engines by")
    parser.add_argument("--live", type=_counts, default=[1, 8, 16, 20, 25, 30], help="real streams")
    parser.add_argument("--live-s", type=float, default=60.0, help="in which all of them speak")
    add_assumptions(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
