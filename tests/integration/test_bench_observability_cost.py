"""The arithmetic of bench/observability_cost.py."""

from __future__ import annotations

import pytest

from bench.observability_cost import Reckoned, Round, count_notes, report

PAGE = """\
# HELP scribewire_call_seconds What engine calls took.
scribewire_call_seconds_count{engine="shared",kind="vad"} 40.0
scribewire_call_seconds_sum{engine="shared",kind="vad"} 0.5
scribewire_call_seconds_count{engine="moonshine-tiny",kind="final"} 2.0
scribewire_partials_total{language="en",mode="fast"} 7.0
scribewire_finals_total{language="en",mode="fast"} 2.0
"""
RECKONED = Reckoned(notes=1000, note_s=1e-5, lines=100, line_s=1e-4, reads=5, read_s=0.002)


def test_calls_and_results_are_counted_from_the_page() -> None:
    assert count_notes(PAGE) == 51


def test_the_cost_is_told_as_a_part_of_the_processor_time() -> None:
    rounds = [Round(10.1, 10.0), Round(9.9, 10.0), Round(10.0, 10.0)]

    assert RECKONED.share_of(30.0) == pytest.approx(0.03 / 30)
    measured, reckoned = report(rounds, RECKONED).splitlines()
    assert measured == "measured: +0.00% (median of 3 rounds, -1.00% to +1.00%)"
    assert reckoned.startswith("reckoned: 0.100% of 30.0 CPU-seconds: 1000 notes of 10.0 us, ")
