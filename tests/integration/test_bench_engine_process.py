"""The counting and the tables of bench/engine_process.py, and one short run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psutil", reason="the bench set is not installed")

from bench import engine_process
from bench.batch_window import measure_windows
from bench.engine_process import Finals, main, pieces_of, report_shared
from scribewire.types import SAMPLE_RATE


def test_a_window_makes_batches_larger_and_answers_later() -> None:
    none, some = measure_windows(loads=[0.5], windows_ms=[0, 20], calls=400)

    assert some.calls_per_batch > none.calls_per_batch >= 1
    assert some.busy_share < none.busy_share < 1
    assert some.final_ms[0] > none.final_ms[0]


def test_beyond_what_it_carries_one_by_one_a_device_has_batches_without_a_window() -> None:
    (four,) = measure_windows(loads=[4.0], windows_ms=[0], calls=400)

    assert four.calls_per_batch > 3
    assert four.final_ms[0] < four.partial_ms[1]


def test_pieces_are_of_one_length() -> None:
    pieces = pieces_of(np.zeros(6 * SAMPLE_RATE, np.float32))

    assert [piece.size for piece in pieces] == [4 * SAMPLE_RATE] * 4


def test_rounds_are_told_by_their_median() -> None:
    found = [
        Finals(way=way, streams=2, per_s=per_s, latency_ms=(1.0, 2.0, 3.0), core_ms=70.0)
        for way in engine_process.WAYS
        for per_s in (10.0, 30.0, 12.0)
    ]

    lines = report_shared(found, {"here": (1.0, 2.0)}).splitlines()

    assert lines[2].split() == ["threads", "2", "12.0", "1.0", "2.0", "3.0", "70.0"]
    assert lines[-1] == "speech in a quarter of a second, here: 1.00 ms p50, 2.00 ms p95"


@pytest.mark.slow
def test_both_ways_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--streams", "1", "--rounds", "1", "--seconds", "0.3", "--results", str(tmp_path)]

    assert main(["--only", "shared", *told]) == 0

    found = json.loads((tmp_path / "engine_process.json").read_text())
    assert [one["way"] for one in found["shared"]] == ["threads", "engine process"]
    assert all(one["per_s"] > 0 for one in found["shared"])
    assert "engine process" in capsys.readouterr().out
