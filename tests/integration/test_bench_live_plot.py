from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the bench set is not installed")

from bench.live_plot import plot_latency


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # matplotlib's own are not ours to answer for
def test_the_picture_is_drawn_in_both_forms(tmp_path: Path) -> None:
    runs = [
        {
            "system": system,
            "streams": streams,
            "distributions": {"speech_to_final_ms": {"median": 600, "p95": 700 * streams}},
        }
        for system in ("ours", "theirs")
        for streams in (1, 2, 4)
    ]
    nothing = {"system": "ours", "streams": 8, "distributions": {"speech_to_final_ms": None}}

    plot_latency([*runs, nothing], tmp_path / "latency.png")

    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert "theirs, p95" in (tmp_path / "latency.svg").read_text("utf-8")
