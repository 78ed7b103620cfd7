"""How many are let in, however they come, and what that does to finals: simulated.

    python -m bench admission [--quick]

For each machine the number that it carries is found by letting that many speak with nobody refused
(half of the seeds keep the 95th percentile of the final latency in what the server allows). Half as
many again then come to a fresh server in each pattern, and come again when they are refused. What
is allowed is the setting, and on a machine whose finals take long by themselves what admission
makes of it, as docs/command-line.md says. The scheduler and
admission are the real ones, engines and streams are simulated; no real time passes, and nothing
depends on the machine that this runs on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.table import format_table
from scribewire.capacity.arrivals import (
    PATTERNS,
    SEEDS,
    Crowd,
    count_carried,
    let_come,
    typical_costs,
)
from scribewire.capacity.simulation import Machine, Simulation
from scribewire.runtime.admission import Admission, CallCosts
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine

RESULTS = Path(__file__).parent / "results"
# What `bench costs` measured on two cores of an AMD EPYC, for one stream.
MEASURED = Machine(workers=2, final_s=0.13, partial_s=0.06, embedding_s=0.07, vad_s=0.005)
MACHINES = [(workers, times) for workers in (1, 2, 4) for times in (0.5, 1.0, 2.0)] + [(8, 1.0)]
# How far the measurement at the start may be off: it is cautious, and a busy machine looks slower.
ESTIMATES = (1.0, 2.0)
USUAL_ESTIMATE = 1.25
FILES = 4
RUSH = "within 2 s"
BOUND_S = Settings.model_fields["max_final_latency_ms"].default / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One crowd at one machine."""

    workers: int
    times: float
    """How much slower than the measured machine."""
    pattern: str
    allowed_s: float
    """How late finals may be, 95th percentile, for a server that knows what they take."""
    estimate: float
    """What the server believes at its start that a stream takes, beside what it does take."""
    files: int
    carried: int
    crowds: list[Crowd]
    """The same with other lots."""

    @property
    def let_in(self) -> float:
        """How many, in the middle of all lots."""
        return median(crowd.let_in for crowd in self.crowds)

    @property
    def p95_s(self) -> float:
        """How late finals are, in the middle of all lots."""
        return median(crowd.p95_s for crowd in self.crowds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and write the JSON."""
    options = _options(arguments)
    machines = [(1, 1.0), (2, 1.0)] if options.quick else MACHINES
    trials: list[Trial] = []
    with ProcessPoolExecutor(options.processes) as pool:
        for some in pool.map(_try_machine, machines):
            trials += some
            print(format_table(HEADINGS.split("|"), [_row(trial) for trial in some]), flush=True)
    report = {
        "circumstances": asdict(note_circumstances()),
        "trials": [asdict(one) for one in trials],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "admission.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    shares = [trial.let_in / trial.carried for trial in trials]
    late = [trial for trial in trials if trial.p95_s > trial.allowed_s]
    print(f"let in, of those carried: {min(shares):.0%} to {max(shares):.0%}")
    later = [trial for trial in trials if trial.p95_s > BOUND_S]
    print(f"later than allowed: {len(late)} of {len(trials)}")
    print(f"over {BOUND_S * 1000:.0f} ms: {len(later)}")
    return 0


HEADINGS = (
    "workers|slower|they come|believed|files|carried|in at once|in|of carried|p95, ms|allowed"
)


def _try_machine(machine: tuple[int, float]) -> list[Trial]:
    return list(_trials(*machine))


def _trials(workers: int, times: float) -> Iterator[Trial]:
    machine = replace(MEASURED, workers=workers).slower(times)
    speech = ScriptedEngine()
    exact = typical_costs(machine)
    allowed_s = _allowed_s(machine, exact, speech)
    tries = [(pattern, USUAL_ESTIMATE, 0) for pattern in PATTERNS]
    tries += [(RUSH, estimate, 0) for estimate in ESTIMATES] + [(RUSH, USUAL_ESTIMATE, FILES)]
    carried = {
        files: count_carried(machine, speech, max_final_latency_s=allowed_s, files=files)
        for files in (0, FILES)
    }
    for pattern, estimate, files in tries:
        costs = replace(
            exact, final_s=exact.final_s * estimate, stream_share=exact.stream_share * estimate
        )
        crowds = [
            let_come(
                machine,
                speech,
                PATTERNS[pattern](carried[files] + carried[files] // 2 + 1),
                costs=costs,
                max_final_latency_s=BOUND_S,
                files=files,
                seed=seed,
            )
            for seed in range(SEEDS)
        ]
        yield Trial(
            workers=workers,
            times=times,
            pattern=pattern,
            allowed_s=allowed_s,
            estimate=estimate,
            files=files,
            carried=carried[files],
            crowds=crowds,
        )


def _allowed_s(machine: Machine, costs: CallCosts, speech: SpeechEngine) -> float:
    admission = Admission({speech: costs}, workers=machine.workers, max_final_latency_s=BOUND_S)
    return admission.allowed_s(Simulation(machine).scheduler.loads(), speech=speech)


def _row(trial: Trial) -> list[str]:
    return [
        str(trial.workers),
        f"{trial.times:g}",
        trial.pattern,
        f"{trial.estimate:g}",
        str(trial.files),
        str(trial.carried),
        f"{median(crowd.let_in_first for crowd in trial.crowds):.0f}",
        f"{trial.let_in:.0f}",
        f"{trial.let_in / trial.carried:.0%}",
        f"{trial.p95_s * 1000:.0f}",
        f"{trial.allowed_s * 1000:.0f}",
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two machines instead of ten")
    parser.add_argument("--processes", type=int, default=2, help="side by side")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
