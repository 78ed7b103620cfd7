"""The picture of a soak: what the server and its children held, minute by minute.

`python -m bench.soak_plot PICTURE JSON` draws it again from what `soak` has written.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

PANELS = (
    ("rss_mb", "resident, MB"),
    ("threads", "threads"),
    ("processes", "processes"),
    ("descriptors", "descriptors"),
)
COLOUR = "#1f5fa8"


def plot_soak(document: Mapping[str, Any], path: Path) -> None:
    """Write `path` as .png from the JSON of a soak."""
    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 10})
    figure, panels = plt.subplots(2, 2, figsize=(8.4, 5.2), sharex=True, layout="constrained")
    samples = document["samples"]
    minutes = [one["at_s"] / 60 for one in samples]
    for axes, (name, label) in zip(panels.flat, PANELS, strict=True):
        axes.axvspan(0, document["settling_minutes"], color="#eeeeee", linewidth=0)
        axes.plot(minutes, [one[name] for one in samples], color=COLOUR, linewidth=0.8)
        _draw_level(axes, document, name)
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, document["minutes"])
        axes.set_title(label, loc="left", fontsize=10)
        axes.grid(axis="y", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    for axes in panels[1]:
        axes.set_xlabel("minutes")
    figure.savefig(path.with_suffix(".png"), dpi=140)
    plt.close(figure)


def _draw_level(
    axes: Any,  # noqa: ANN401 - it brings no types
    document: Mapping[str, Any],
    name: str,
) -> None:
    for level in document["levels"]:
        if level["field"] == name:
            axes.axhline(level["early"], color="#666666", linewidth=1, linestyle=":")


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw what an earlier soak has written."""
    parser = argparse.ArgumentParser(prog="soak_plot", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path, help="where to write it, as .png")
    parser.add_argument("document", type=Path, help="JSON file of bench/soak.py")
    options = parser.parse_args(arguments)
    plot_soak(json.loads(options.document.read_text("utf-8")), options.picture)


if __name__ == "__main__":
    main()
