"""What the picture of many machines is made from: what was measured, and what is assumed.

Every number that is no measurement stands here, with where it is from, and can be given another
value on the command line of `scale`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from scribewire.capacity.simulation import Machine

MEASURED = Path(__file__).parent / "results/scale_measured.json"
ASSUMED_ON = "2026-11-28"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What nobody has measured here. All of it was put down on `ASSUMED_ON`."""

    # The hour.
    spread_s: float = 60.0
    """Standard deviation of when sessions begin, about the full hour: two thirds come within a
    minute of it, nobody more than five minutes early or ten late."""
    length_s: float = 3000.0
    """How long meetings last, on average."""
    length_spread_s: float = 480.0
    """Its standard deviation."""
    left_over: float = 0.1
    """How many still talk from the hour before, as a share of those who come."""
    left_over_s: float = 300.0
    """How long those go on, on average."""
    patience_s: float = 60.0
    """How long a client tries to get in before it gives up."""
    busy_hours: float = 10.0
    """Hours of a day that are like this one; in the others nearly nobody speaks."""
    # Replicas.
    spare: float = 0.1
    """How much larger than needed a fleet is made: for replicas that fail, and for chance."""
    target: float = 0.7
    """How full the autoscaler wants replicas to be."""
    node_s: float = 90.0
    """From asking for a machine to a container on it, image included."""
    ahead_s: float = 300.0
    """How long before the hour a fleet that knows the hour is made larger."""
    scale_every_s: float = 15.0
    """How often the autoscaler looks."""
    keep_s: float = 300.0
    """For how long it does not make a fleet smaller again."""
    cell: int = 10_000
    """Streams that share one balancer and one NATS: more are more of these, side by side."""
    # What is shared.
    handshakes: float = 4000.0
    """New TLS connections a second that a balancer of four cores makes."""
    files: float = 50_000.0
    """Files that it may open, two for each session: `fd-hard-limit` of deploy/haproxy.cfg."""
    table: float = 200_000.0
    """Sessions that it knows the replica of, of the last hour: its `stick-table`."""
    balancer_bits: float = 10e9
    """Bits a second through its network card, each way."""
    nats_bits: float = 10e9
    """Bits a second through that of a NATS server, each way."""
    nats_disk_bytes: float = 200e6
    """Bytes a second that a NATS server's disk takes for good."""
    database_connections: float = 97.0
    """What PostgreSQL lets in as it is: 100, of which 3 are its administrator's."""
    node_starts: float = 10.0
    """New containers a second that a cluster of Kubernetes starts."""
    # Prices, in US dollars: about what large clouds list on demand, from memory, looked up nowhere.
    core_price: float = 0.05
    """A virtual core with 2 GB for an hour."""
    gpu_price: float = 1.0
    """A machine with one small GPU and `gpu_cores` cores for an hour."""
    gpu_cores: float = 8.0
    """Cores of that machine."""
    gpu_speed: float = 40.0
    """How many cores one such GPU stands for. *Not measured*: a guess to fill in."""
    egress_price: float = 0.05
    """A GB that leaves the cloud: results, not audio, which comes in for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one machine has shown; `scale --measure` writes it."""

    machine: Machine
    """What its engines take."""
    outside_s: float
    """Of a core for a second of a stream, for all that no engine does."""
    start_s: float
    """From starting a server to `/readyz`."""
    final_bytes: float
    """A final in the journal."""
    position_bytes: float
    """A position in it, with what another server goes on from."""
    partial_bytes: float
    """A partial on the wire."""
    wire_final_bytes: float
    """A final on the wire."""
    publishes: float
    """Messages a second that NATS has taken into a stream on disk, beside who sends them."""
    publish_ms: float
    """What one alone took, median."""
    batches: float
    """Batches of use a second that PostgreSQL has written, without waiting for a disk."""
    live: tuple[LiveFigures, ...]
    """How real sessions fared."""
    circumstances: dict[str, Any]
    """Where and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """So many real sessions on the measured machine, or simulated ones. Times in milliseconds."""

    streams: int
    final_p50: float
    """Final latency: after the silence that ends an utterance."""
    final_p95: float
    final_p99: float
    partial_interval: float
    """The gap without a new partial in which the middle moment of all speaking time lies."""
    others: float = 0.0
    """Cores that were used by neither the server nor its clients: what else ran on the machine."""
    clients: float = 0.0
    """Cores that the clients used, which run on it too."""


def read_measured(path: Path = MEASURED) -> Measured:
    """Return what was measured. Raises OSError, and ValueError where it is something else."""
    told = json.loads(path.read_text("utf-8"))
    machine = Machine(**told.pop("machine"))
    live = tuple(LiveFigures(**one) for one in told.pop("live"))
    return Measured(machine=machine, live=live, **told)


def add_assumptions(parser: argparse.ArgumentParser) -> None:
    """Let every assumption be given another value."""
    group = parser.add_argument_group(f"assumptions of {ASSUMED_ON}")
    for one in fields(Assumptions):
        option = f"--{one.name.replace('_', '-')}"
        kind = int if isinstance(one.default, int) else float
        group.add_argument(option, type=kind, default=one.default, help=f"{one.default:g}")


def read_assumptions(options: argparse.Namespace) -> Assumptions:
    """Return them as they were given."""
    names = [one.name for one in fields(Assumptions)]
    return replace(Assumptions(), **{name: getattr(options, name) for name in names})


def changed(assumed: Assumptions) -> Sequence[str]:
    """Return the names of those that are not as they stand here."""
    usual = Assumptions()
    names = [one.name for one in fields(Assumptions)]
    return [name for name in names if getattr(assumed, name) != getattr(usual, name)]
