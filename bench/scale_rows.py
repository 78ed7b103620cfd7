"""An hour of so many streams: replicas, waits, latencies and price.

More streams than one cell holds are several cells. Cells share nothing, so a few of them are
simulated, each with its own lots, and stand for the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from bench.scale_fleet import Arrivals, Fleet, Hour, Scaling, draw_arrivals
from bench.scale_inputs import Assumptions, Measured
from bench.scale_limits import text_bytes_per_s
from bench.scale_machine import MachineCurve, mix
from scribewire.capacity.simulation import ENDPOINT_S

SCALINGS: tuple[Scaling, ...] = get_args(Scaling)
PLACES = (50.0, 95.0, 99.0)
DRAWN_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a row is made from."""

    curve: MachineCurve
    measured: Measured
    assumed: Assumptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """So many streams, with a fleet that is made as large as `scaling` says."""

    streams: int
    scaling: Scaling
    cells: int
    simulated: int
    """Of those cells."""
    replicas: int
    """The most at once, in all cells."""
    waited: float
    """The share of sessions that was not let in at the first try."""
    gave_up: float
    """The share that was not let in at all."""
    waits_s: tuple[float, ...]
    """Percentiles of how long the others waited: 50, 95, 99."""
    final_ms: tuple[float, ...]
    """Percentiles from the end of speech to the final: 50, 95, 99."""
    price: float
    """Of an hour of one stream, over a day: a fleet that stays is paid for at night too."""


def make_rows(streams: int, basis: Basis, cells: int) -> Iterator[Row]:
    """Return an hour with so many streams, for each way to make a fleet larger."""
    count = math.ceil(streams / basis.assumed.cell)
    simulated = min(count, cells)
    for scaling in SCALINGS:
        hours = [
            simulate(round(streams / count), basis, scaling, seed=seed) for seed in range(simulated)
        ]
        yield add_up_cells(streams, count, hours, basis, scaling)


def simulate(
    streams: int,
    basis: Basis,
    scaling: Scaling,
    *,
    seed: int,
    watch: list[tuple[float, int]] | None = None,
) -> Hour:
    """Let an hour of one cell pass."""
    arrivals = draw_arrivals(streams, basis.assumed, seed=seed)
    wanted = replicas_for(arrivals, basis)
    fleet = Fleet(
        basis.curve.carried,
        basis.assumed,
        warm_up_s=basis.assumed.node_s + basis.measured.start_s,
        seed=seed,
    )
    before = math.ceil(
        basis.assumed.left_over * streams / (basis.curve.carried * basis.assumed.target)
    )
    fleet.start(wanted if scaling == "fixed" else max(1, before), is_ready=True)
    if watch is not None:
        fleet.watch(watch, every_s=DRAWN_EVERY_S)
    return fleet.run(arrivals, scaling=scaling, wanted=wanted)


def replicas_for(arrivals: Arrivals, basis: Basis) -> int:
    """Return how many replicas those who come need, with some to spare."""
    return math.ceil(arrivals.peak / basis.curve.carried * (1 + basis.assumed.spare))


def add_up_cells(
    streams: int,
    cells: int,
    hours: Sequence[Hour],
    basis: Basis,
    scaling: Scaling,
) -> Row:
    """Return all cells, of which some were simulated."""
    sessions = sum(one.sessions for one in hours)
    waits_s = np.concatenate([one.waits_s for one in hours])
    held_s = [sum(parts) for parts in zip(*(one.held_s for one in hours), strict=True)]
    late_s = mix(basis.curve, held_s, PLACES)
    core_hours = basis.curve.machine.workers * sum(one.replica_hours for one in hours)
    stream_hours = sum(one.stream_hours for one in hours)
    assumed = basis.assumed
    paid = 24 / assumed.busy_hours if scaling == "fixed" else 1.0
    gigabytes = 3600 * text_bytes_per_s(basis.curve, basis.measured) / 1e9
    return Row(
        streams=streams,
        scaling=scaling,
        cells=cells,
        simulated=len(hours),
        replicas=round(cells * sum(one.replicas for one in hours) / len(hours)),
        waited=1 - sum(one.at_once for one in hours) / sessions,
        gave_up=sum(one.gave_up for one in hours) / sessions,
        waits_s=tuple(np.percentile(waits_s, PLACES).tolist()),
        final_ms=tuple(1000 * (ENDPOINT_S + one) for one in late_s),
        price=assumed.core_price * core_hours * paid / stream_hours
        + assumed.egress_price * gigabytes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPrice:
    """A machine with a GPU, of which nothing is measured but what its cores have to do."""

    streams_of_gpu: float
    """That it would carry if it were so many cores: the guess."""
    streams_of_cores: float
    """That the cores beside it can serve, with nothing but speech probabilities and sockets."""
    price: float
    """Of an hour of one stream, on a full machine."""
    cpu_price: float
    """The same on full machines without one."""
    break_even: float
    """Streams from which on it is the cheaper one."""


def price_of_gpu(basis: Basis) -> GpuPrice:
    """Return what a stream would cost on a GPU that is as fast as it is assumed to be."""
    per_core = basis.curve.carried / basis.curve.machine.workers
    of_gpu = basis.assumed.gpu_speed * per_core
    beside_s = basis.measured.outside_s + basis.measured.machine.vad_s
    of_cores = basis.assumed.target * basis.assumed.gpu_cores / beside_s
    cpu_price = basis.assumed.core_price / per_core
    return GpuPrice(
        streams_of_gpu=of_gpu,
        streams_of_cores=of_cores,
        price=basis.assumed.gpu_price / min(of_gpu, of_cores),
        cpu_price=cpu_price,
        break_even=basis.assumed.gpu_price / cpu_price,
    )


def hour_by_hour(basis: Basis) -> dict[str, Any]:
    """Return how a full hour goes with 10,000 streams, for the picture."""
    streams = min(10_000, basis.assumed.cell)
    arrivals = draw_arrivals(streams, basis.assumed, seed=0)
    watched: dict[str, list[tuple[float, int]]] = {name: [] for name in SCALINGS}
    for name in SCALINGS:
        simulate(streams, basis, name, seed=0, watch=watched[name])
    at_s = [moment for moment, _ in watched[SCALINGS[0]]]
    ends_s = np.sort(arrivals.at_s + arrivals.length_s)
    here = np.searchsorted(arrivals.at_s, at_s) - np.searchsorted(ends_s, at_s)
    return {
        "at_s": at_s,
        "wanted": here.tolist(),
        "streams": {name: [count for _, count in noted] for name, noted in watched.items()},
    }
