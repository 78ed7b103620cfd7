"""The picture of latency against the number of streams, for every system of a run.

`python -m bench.live_plot PICTURE JSON ...` draws it again from what `live` has written; of several
runs of a system with the same number of streams the last one counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from scribewire.capacity.search import SPEECH_TO_FINAL_P95_MS

COLOURS = ("#1f5fa8", "#c2571a", "#4b8b3b", "#7a4fa3")  # apart in grey and for the colour-blind
MARKERS = ("o", "s", "^", "D")
TICKS_MS = (250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


def plot_latency(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write `path` as .png and .svg from the runs of a bench's JSON."""
    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 10, "svg.hashsalt": "scribewire", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7.2, 4.3), layout="constrained")
    systems = list(dict.fromkeys(run["system"] for run in runs))
    for index, system in enumerate(systems):
        _draw_system(axes, system, [run for run in runs if run["system"] == system], index)
    _draw_bar(axes)
    _dress(axes, runs)
    for suffix in (".png", ".svg"):
        metadata = {"Date": None} if suffix == ".svg" else None
        figure.savefig(path.with_suffix(suffix), dpi=160, metadata=metadata)
    plt.close(figure)


def _draw_system(
    axes: Any,  # noqa: ANN401 - it brings no types
    system: str,
    runs: Sequence[Mapping[str, Any]],
    index: int,
) -> None:
    found = {run["streams"]: run["distributions"]["speech_to_final_ms"] for run in runs}
    streams = sorted(count for count, values in found.items() if values)
    median = [found[count]["median"] / 1000 for count in streams]
    p95 = [found[count]["p95"] / 1000 for count in streams]
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    axes.fill_between(streams, median, p95, color=colour, alpha=0.12, linewidth=0)
    axes.plot(streams, p95, color=colour, marker=marker, label=f"{system}, p95")
    axes.plot(
        streams,
        median,
        color=colour,
        marker=marker,
        markerfacecolor="white",
        linestyle="--",
        label=f"{system}, median",
    )


def _draw_bar(axes: Any) -> None:  # noqa: ANN401 - it brings no types
    bar_s = SPEECH_TO_FINAL_P95_MS["fast"] / 1000
    axes.axhline(bar_s, color="#666666", linewidth=1, linestyle=":", zorder=1.4)
    axes.annotate(
        f"a p95 above {bar_s:g} s is too late",
        xy=(0.6, bar_s),
        xycoords=("axes fraction", "data"),
        ha="center",
        va="center",
        color="#666666",
        fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        zorder=1.5,  # above the grid, below every line
    )


def _dress(axes: Any, runs: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401 - no types
    axes.set_xlabel("live streams on one machine")
    axes.set_ylabel("end of speech to final, s")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([ms / 1000 for ms in TICKS_MS]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(FixedLocator(sorted({run["streams"] for run in runs})))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.4), max(high, 2.5))
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        fontsize=9,
        borderaxespad=0.3,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw what earlier runs have written."""
    parser = argparse.ArgumentParser(prog="live_plot", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path, help="where to write it, as .png and .svg")
    parser.add_argument("documents", type=Path, nargs="+", help="JSON files of bench/live.py")
    options = parser.parse_args(arguments)
    texts = [path.read_text("utf-8") for path in options.documents]
    plot_latency([run for text in texts for run in json.loads(text)["runs"]], options.picture)


if __name__ == "__main__":
    main()
