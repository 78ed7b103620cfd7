"""The picture of many machines: who gets in at the hour, and at how many streams what breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter

LINES = {  # the first is drawn wide, for another lies on it
    "fixed": ("#9dbfe3", 5.0, "always as large as the hour needs"),
    "knows the hour": ("#2f6b22", 1.4, "made larger before the hour"),
    "follows": ("#c2571a", 1.6, "follows its load"),
}
MARKERS = {
    "measured": ("o", "#1f5fa8"),
    "counted": ("s", "#2f6b22"),
    "assumed": ("D", "#c2571a"),
}


def plot_scale(document: Mapping[str, Any], path: Path) -> None:
    """Write `path` as .png and .svg from the JSON of `scale`."""
    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 10, "svg.hashsalt": "scribewire", "svg.fonttype": "none"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    _draw_hour(left, document["hour"])
    _draw_limits(right, [one for one in document["limits"] if one["is_shared"]])
    for suffix in (".png", ".svg"):
        metadata = {"Date": None} if suffix == ".svg" else None
        figure.savefig(path.with_suffix(suffix), dpi=160, metadata=metadata)
    plt.close(figure)


def _draw_hour(axes: Any, hour: Mapping[str, Any]) -> None:  # noqa: ANN401 - it brings no types
    minutes = np.array(hour["at_s"]) / 60
    wanted = np.array(hour["wanted"])
    axes.fill_between(minutes, wanted, color="#ececec", linewidth=0, label="who would speak")
    for name, (colour, width, label) in LINES.items():
        axes.plot(minutes, hour["streams"][name], color=colour, linewidth=width, label=label)
    axes.set_xlim(-10, 20)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes from the full hour")
    axes.set_ylabel("streams that have a place")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9)
    _dress(axes)


def _draw_limits(
    axes: Any,  # noqa: ANN401 - it brings no types
    limits: Sequence[Mapping[str, Any]],
) -> None:
    places = np.arange(len(limits))[::-1]
    for source, (marker, colour) in MARKERS.items():
        some = [
            (one["streams"], place)
            for one, place in zip(limits, places, strict=True)
            if one["source"] == source
        ]
        if some:
            at, where = zip(*some, strict=True)
            label = f"by a limit that is {source}"
            axes.plot(at, where, marker, color=colour, linestyle="none", label=label)
    for one, place in zip(limits, places, strict=True):
        axes.plot([1, one["streams"]], [place, place], color="#d0d0d0", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(500, 3e6)
    axes.set_yticks(places, [one["part"] for one in limits])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("breaks at so many streams of one cell")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9)
    _dress(axes)


def _dress(axes: Any) -> None:  # noqa: ANN401 - it brings no types
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
