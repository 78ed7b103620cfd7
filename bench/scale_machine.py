"""One machine of many, simulated whole: how late its finals are with so many streams.

The scheduler and admission are the real ones (`scribewire.capacity.simulation`); machines know
nothing of each other, so what one does with so many streams all do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench.scale_inputs import LiveFigures
from scribewire.capacity.arrivals import PATTERNS, SEEDS, let_come, typical_costs
from scribewire.capacity.search import PARTIAL_INTERVAL_MS, SPEECH_TO_FINAL_P95_MS
from scribewire.capacity.simulation import ENDPOINT_S, Machine, Simulation
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine

BOUND_S = Settings.model_fields["max_final_latency_ms"].default / 1000
SETTLED_S = 60.0  # before, partials still come as often as on an idle machine
RUSH = "within 2 s"  # what the hour is to one machine: it is filled at once
_STEPS = 8  # machines with that many different loads are simulated; the others are as the nearest

Lateness = NDArray[np.float64]
"""How many seconds after its silence each final came, in rising order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCurve:
    """What one machine does with any number of streams that it is given."""

    machine: Machine
    let_in: int
    """How many admission lets in: their finals are in time."""
    carried: int
    """How many of them see new partials every 1.5 s, the bar of docs/capacity.md."""
    finals_per_s: float
    """Of one who speaks without a break."""
    partials_per_s: float
    """Of one of those carried."""
    lateness: Mapping[int, Lateness] = field(repr=False)
    """By the number of streams."""

    def nearest(self, streams: int) -> Lateness:
        """Return how late finals are with about so many streams."""
        return self.lateness[min(self.lateness, key=lambda known: abs(known - streams))]


def trace(machine: Machine, outside_s: float, *, seconds: float = 240.0) -> MachineCurve:
    """Find out how many streams it carries, and how late finals are up to there.

    `outside_s` is what its process does of a core for a second of a stream besides all calls.
    """
    let_in = find_let_in(machine)
    let_in = find_let_in(with_the_rest(machine, outside_s, let_in))
    steps = {max(1, round(let_in * step / _STEPS)) for step in range(1, _STEPS + 1)}
    simulated = {
        streams: run(with_the_rest(machine, outside_s, streams), streams, seconds=seconds)
        for streams in sorted(steps)
    }
    carried = find_carried(machine, outside_s, most=let_in, seconds=seconds)
    full = run(with_the_rest(machine, outside_s, carried), carried, seconds=seconds)
    return MachineCurve(
        machine=machine,
        let_in=let_in,
        carried=carried,
        finals_per_s=lateness(full).size / (carried * seconds),
        partials_per_s=_partials(full) / (carried * seconds),
        lateness={streams: lateness(one) for streams, one in simulated.items()}
        | {carried: lateness(full)},
    )


def find_let_in(machine: Machine) -> int:
    """Return how many a fresh server lets in of half as many again, in the middle of all lots."""
    costs, speech = typical_costs(machine), ScriptedEngine()
    crowd = int(1.5 * machine.workers / costs.stream_share) + 2
    come = partial(
        let_come, machine, speech, PATTERNS[RUSH](crowd), costs=costs, max_final_latency_s=BOUND_S
    )
    return int(median(come(seed=seed).let_in for seed in range(SEEDS)))


def find_carried(machine: Machine, outside_s: float, *, most: int, seconds: float) -> int:
    """Return the most streams, up to `most`, that keep both bars of docs/capacity.md."""
    fewest, too_many = 1, most + 1
    while too_many - fewest > 1:
        streams = (fewest + too_many) // 2
        simulation = run(with_the_rest(machine, outside_s, streams), streams, seconds=seconds)
        late_ms = 1000 * float(np.percentile(lateness(simulation), 95) + ENDPOINT_S)
        interval_ms = 1000 * simulation.partial_interval_s(since_s=SETTLED_S)
        if late_ms <= SPEECH_TO_FINAL_P95_MS["fast"] and interval_ms <= PARTIAL_INTERVAL_MS:
            fewest = streams
        else:
            too_many = streams
    return fewest


def run(machine: Machine, streams: int, *, seconds: float, seed: int = 0) -> Simulation:
    """Let so many speak for that long once all is settled."""
    simulation = Simulation(machine, seed=seed)
    speech = ScriptedEngine()
    for _ in range(streams):
        simulation.speak(speech)
    simulation.clock.run_until(SETTLED_S + seconds)
    return simulation


def lateness(simulation: Simulation) -> Lateness:
    """Return how late its finals were once all was settled."""
    late = [late_s for at, late_s in simulation.final_latencies if at >= SETTLED_S]
    return np.sort(np.array(late))


def predict(
    machine: Machine, outside_s: float, measured: LiveFigures, *, seconds: float = 240.0
) -> LiveFigures:
    """Return what so many real sessions should show on this machine, beside what else ran on it."""
    beside_s = outside_s + (measured.others + measured.clients) / measured.streams
    slowed = with_the_rest(machine, beside_s, measured.streams)
    simulation = run(slowed, measured.streams, seconds=seconds)
    p50, p95, p99 = np.percentile(lateness(simulation), [50, 95, 99]).tolist()
    return LiveFigures(
        streams=measured.streams,
        final_p50=1000 * p50,
        final_p95=1000 * p95,
        final_p99=1000 * p99,
        partial_interval=1000 * simulation.partial_interval_s(since_s=SETTLED_S),
        others=measured.others,
        clients=measured.clients,
    )


def with_the_rest(machine: Machine, outside_s: float, streams: int) -> Machine:
    """Return it with what else its process does for so many streams taking from each worker."""
    return machine.slower(1 / max(1 - outside_s * streams / machine.workers, 0.1))


def mix(curve: MachineCurve, held_s: Sequence[float], places: Sequence[float]) -> list[float]:
    """Return percentiles of lateness over many machines, in seconds.

    `held_s` says for how long any of them held 0, 1, 2, ... streams: one with more has more finals.
    """
    pairs = [
        (curve.nearest(streams), streams * seconds)
        for streams, seconds in enumerate(held_s)
        if streams and seconds
    ]
    if not pairs:
        return [0.0] * len(places)
    values = np.concatenate([late for late, _ in pairs])
    weights = np.concatenate([np.full(late.size, w / late.size) for late, w in pairs])
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    found = np.searchsorted(passed, np.array(places) / 100 * passed[-1])
    return [float(values[order][min(place, values.size - 1)]) for place in found]


def _partials(simulation: Simulation) -> int:
    return sum(at >= SETTLED_S for at, _ in simulation.partial_gaps)
