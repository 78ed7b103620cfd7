from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest

from scribewire.capacity.arrivals import (
    PATTERNS,
    SEEDS,
    Crowd,
    count_carried,
    let_come,
    typical_costs,
)
from scribewire.capacity.simulation import Machine
from scribewire.testing.scripted import ScriptedEngine

BOUND_S = 0.7
MACHINE = Machine(workers=2, final_s=0.2, partial_s=0.09, embedding_s=0.1, vad_s=0.005)
ENGINE = ScriptedEngine()


CARRIED = 29  # with MACHINE, as `python -m bench admission` would find


def come(pattern: str, count: int, seed: int = 0) -> Crowd:
    exact = typical_costs(MACHINE)
    return let_come(
        MACHINE,
        ENGINE,
        PATTERNS[pattern](count),
        costs=replace(exact, stream_share=1.25 * exact.stream_share),
        max_final_latency_s=BOUND_S,
        seed=seed,
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_who_can_be_carried_is_let_in_however_they_come(pattern: str) -> None:
    crowds = [come(pattern, 2 * CARRIED, seed) for seed in range(SEEDS)]

    assert median(crowd.let_in for crowd in crowds) >= 0.92 * CARRIED  # the bench tries more
    assert median(crowd.p95_s for crowd in crowds) <= 1.1 * BOUND_S
    assert all(crowd.refusals for crowd in crowds)


def test_a_rush_no_larger_than_what_the_machine_is_believed_to_carry_is_let_in_at_once() -> None:
    crowd = come("within 2 s", int(0.7 * CARRIED))

    assert (crowd.let_in_first, crowd.refusals) == (int(0.7 * CARRIED), 0)


def test_what_is_carried_is_found_between_what_is_and_what_is_not() -> None:
    slow = replace(MACHINE, workers=1)

    carried = count_carried(slow, ENGINE, max_final_latency_s=BOUND_S)

    assert 8 <= carried <= 14
    assert count_carried(slow.slower(4), ENGINE, max_final_latency_s=BOUND_S) == 0
