"""The rows and the arithmetic of bench/journal.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.journal import WRITERS, Cost, batches, heads, measure, report
from scribewire.journal.reader import read_session

DEAR = Cost(
    core_shares=[0.09, 0.07, 0.08],
    wait_ms=[1.0, 2.0, 3.0, 50.0],
    bytes_per_stream_hour=1_500_000,
    find_ms=10.0,
)
CHEAP = Cost(
    core_shares=[0.01, 0.02, 0.03],
    wait_ms=[1.0, 1.0, 1.0, 1.0],
    bytes_per_stream_hour=1_000_000,
    find_ms=100.0,
)


def test_each_stream_has_a_final_in_four_seconds_and_a_position_each_second() -> None:
    entries = [entry for batch in batches(streams=3, seconds=8) for entry in batch]

    assert len(entries) == 24
    assert all(entry.position is not None for entry in entries)
    finals = [entry.final.number for entry in entries if entry.final and entry.head == heads(3)[1]]
    assert finals == [2, 3]


def test_the_library_is_taken_unless_it_takes_too_much_of_the_machine() -> None:
    dear, cheap = WRITERS
    taken = report({dear: CHEAP, cheap: CHEAP}, 25, 2).splitlines()[-1]
    left = report({dear: DEAR, cheap: CHEAP}, 25, 2).splitlines()[-1]

    assert taken.endswith("+0.00% of a machine of 2 cores more (allowed: 2%): the library")
    assert left.endswith("+3.00% of a machine of 2 cores more (allowed: 2%): the format of our own")


@pytest.mark.slow
def test_both_write_and_find_the_same(tmp_path: Path) -> None:
    costs = measure(streams=2, rounds=1, seconds=4, folder=tmp_path)

    assert list(costs) == list(WRITERS)
    for cost in costs.values():
        assert len(cost.wait_ms) == 2
        assert cost.core_share > 0
    found = read_session(tmp_path / "SQLite hour", heads(2)[1].session_id)
    assert found is not None
    assert len(found.finals) == 900
