"""How many of those who come are let in, and what that does to their finals: simulated.

Who is refused comes again after the time that the server names, as clients do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from scribewire.capacity.simulation import Machine, Simulation
from scribewire.runtime.admission import Admission, CallCosts

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine

RETRY_AFTER_S = 5.0
COME_FOR_S = 60.0  # the last of them come then
SETTLED_S = 90.0  # from then on the finals are looked at, and nobody comes
MEASURED_S = 120.0
_TYPICAL_PERIOD_S = 5.0  # from one utterance to the next
SEEDS = 3  # near the limit one late minute is chance

Arrivals = Callable[[int], list[float]]
"""When each of so many clients comes, in seconds."""


def _waves(count: int) -> list[float]:
    return [(30.0 if number % 2 else 0.0) + number / count for number in range(count)]


PATTERNS: Mapping[str, Arrivals] = {
    "all at once": lambda count: [0.0] * count,
    "within 2 s": lambda count: [2.0 * number / count for number in range(count)],
    "two waves": _waves,
    "within a minute": lambda count: [COME_FOR_S * number / count for number in range(count)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What became of those who came."""

    let_in_first: int
    """At their first try."""
    let_in: int
    """Of all."""
    refusals: int
    """Tries that were refused."""
    p95_s: float
    """95th percentile of the finals' latencies once all is settled."""


def count_carried(
    machine: Machine, speech: SpeechEngine, *, max_final_latency_s: float, files: int = 0
) -> int:
    """Return how many streams keep the bound, beside so many files, where nobody is refused."""
    most = int(1.2 * machine.workers / typical_costs(machine).stream_share) + 2
    lowest, highest = 0, most
    while highest - lowest > max(highest // 50, 1):
        count = (lowest + highest) // 2
        latencies = [_p95_s(machine, speech, count, files, seed) for seed in range(SEEDS)]
        if median(latencies) <= max_final_latency_s:
            lowest = count
        else:
            highest = count
    return lowest


def let_come(
    machine: Machine,
    speech: SpeechEngine,
    arrivals: Iterable[float],
    *,
    costs: CallCosts,
    max_final_latency_s: float,
    files: int = 0,
    seed: int = 0,
) -> Crowd:
    """Let clients come to a fresh server that takes `costs` for its machine's.

    So many of `files` are being pushed all the time.
    """
    simulation = Simulation(machine, seed=seed)
    admission = Admission(
        {speech: costs}, workers=machine.workers, max_final_latency_s=max_final_latency_s
    )
    let_in_first = let_in = refusals = 0

    with ExitStack() as places:

        def come(tries: int = 0) -> None:
            nonlocal let_in_first, let_in, refusals
            if admission.refusal(simulation.scheduler.loads(), speech=speech) is None:
                places.enter_context(admission.session(speech=speech))
                simulation.speak(speech)
                let_in += 1
                let_in_first += not tries
                return
            refusals += 1
            again_at = simulation.clock.now + RETRY_AFTER_S * simulation.random.uniform(0.9, 1.1)
            if again_at < SETTLED_S:
                simulation.clock.at(again_at, lambda: come(tries + 1))

        for _ in range(files):
            places.enter_context(admission.session(speech=speech))
            simulation.push_file(speech)
        for at in arrivals:
            simulation.clock.at(at, come)
        simulation.clock.run_until(SETTLED_S + MEASURED_S)
    return Crowd(
        let_in_first=let_in_first,
        let_in=let_in,
        refusals=refusals,
        p95_s=simulation.p95_s(since_s=SETTLED_S),
    )


def typical_costs(machine: Machine) -> CallCosts:
    """Return what an exact measurement of this machine would say."""
    share = (machine.final_s + machine.embedding_s) / _TYPICAL_PERIOD_S
    return CallCosts(final_s=machine.final_s, stream_share=share)


def _p95_s(machine: Machine, speech: SpeechEngine, count: int, files: int, seed: int) -> float:
    simulation = Simulation(machine, seed=seed)
    for _ in range(files):
        simulation.push_file(speech)
    for _ in range(count):
        simulation.speak(speech)
    simulation.clock.run_until(SETTLED_S + MEASURED_S)
    return simulation.p95_s(since_s=SETTLED_S)
