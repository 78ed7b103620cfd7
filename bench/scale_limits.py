"""What breaks first as streams become more, and which knob moves it.

Each part has a load that grows with the streams, or with the replicas that serve them, and a limit.
Dividing says at how many streams it breaks; nothing here is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.scale_inputs import Assumptions, Measured
from bench.scale_machine import MachineCurve
from scribewire.types import SAMPLE_RATE

Source = Literal["measured", "counted", "assumed"]

AUDIO_BITS = 16.0 * SAMPLE_RATE * 1.01  # PCM in chunks of 100 ms, with what WebSocket and TCP add
POSITIONS_PER_S = 1.0  # of each journaled session, besides the one that each final has with it
MESSAGE_BYTES = 250.0  # subject, conditions and record around what is stored
LEASES_PER_S = 0.5  # of each replica: renewed every 2 s
LEASE_BYTES = 600.0  # what a replica says of itself, with its headers
TEXT_HEADERS = 60.0  # of TCP, IP and WebSocket on each message
BATCHES_PER_S = 1.0  # of each replica, while it has sessions
DATABASE_CONNECTIONS = 1.0  # of each replica: the thread that writes use
PROCESS_CORES = 0.6  # of the one core that Python's lock leaves an event loop; the rest is waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One part, and at how many streams it breaks."""

    part: str
    streams: float
    load: str
    """What grows."""
    limit: str
    source: Source
    """What the limit rests on."""
    knob: str
    """What moves it."""
    is_shared: bool = True
    """Whether a cell has one of it; else every replica has."""


def find_limits(curve: MachineCurve, measured: Measured, assumed: Assumptions) -> list[Limit]:
    """Return all parts, the one that breaks first before the others."""
    return sorted(
        (
            *_of_replicas(curve, measured),
            *_of_databases(curve, measured, assumed),
            *_of_nats(curve, measured, assumed),
            *_of_balancers(curve, assumed),
        ),
        key=lambda one: one.streams,
    )


def growing_together(limit: float, per_stream: float, *, per_pair: float, room: float) -> float:
    """Return how many streams bring a load to its limit that also grows with pairs of replicas."""
    of_pairs = per_pair / room**2
    if not of_pairs:
        return limit / per_stream
    return (math.sqrt(per_stream**2 + 4 * of_pairs * limit) - per_stream) / (2 * of_pairs)


def messages_per_s(curve: MachineCurve) -> float:
    """Return what a journaled stream sends to NATS."""
    return curve.finals_per_s + POSITIONS_PER_S


def journal_bytes_per_s(curve: MachineCurve, measured: Measured) -> float:
    """Return what a journaled stream leaves on the disk of NATS."""
    position = measured.position_bytes + MESSAGE_BYTES
    return curve.finals_per_s * (measured.final_bytes + position) + POSITIONS_PER_S * position


def text_bytes_per_s(curve: MachineCurve, measured: Measured) -> float:
    """Return what a stream's client is sent."""
    return curve.finals_per_s * (
        measured.wire_final_bytes + TEXT_HEADERS
    ) + curve.partials_per_s * (measured.partial_bytes + TEXT_HEADERS)


def arrivals_per_s(assumed: Assumptions) -> float:
    """Return the sessions of one stream that begin in the busiest second about the hour."""
    return 1 / (assumed.spread_s * math.sqrt(2 * math.pi))


def _of_replicas(curve: MachineCurve, measured: Measured) -> Iterator[Limit]:
    workers = curve.machine.workers
    yield Limit(
        part="partials of a replica",
        streams=curve.carried,
        load="texts more than 1.5 s apart",
        limit=f"{workers} cores",
        source="measured",
        knob="replicas; `partial: false`; `diarize: false`; a larger `--max-sessions`",
        is_shared=False,
    )
    yield Limit(
        part="finals of a replica",
        streams=curve.let_in,
        load="admission refuses",
        limit="95 of 100 within 700 ms",
        source="measured",
        knob="replicas; `--max-final-latency-ms`",
        is_shared=False,
    )
    yield Limit(
        part="event loop of a process",
        streams=PROCESS_CORES / measured.outside_s,
        load=f"{1000 * measured.outside_s:.1f} ms of a core per stream and second",
        limit=f"{PROCESS_CORES:g} of one core",
        source="measured",
        knob="`--processes` on machines of more cores, or with a GPU",
        is_shared=False,
    )


def _of_databases(curve: MachineCurve, measured: Measured, assumed: Assumptions) -> Iterator[Limit]:
    room = curve.carried
    yield Limit(
        part="PostgreSQL: connections",
        streams=assumed.database_connections / DATABASE_CONNECTIONS * room,
        load="one for each replica",
        limit=f"{assumed.database_connections:g}",
        source="assumed",
        knob="`max_connections`, or pgbouncer before it; larger replicas",
    )
    yield Limit(
        part="PostgreSQL: batches of use",
        streams=measured.batches / BATCHES_PER_S * room,
        load="one a second for each replica",
        limit=f"{measured.batches:,.0f}/s",
        source="measured",
        knob="larger replicas; a database for each cell",
    )


def _of_nats(curve: MachineCurve, measured: Measured, assumed: Assumptions) -> Iterator[Limit]:
    room, messages = curve.carried, messages_per_s(curve)
    bytes_per_s = journal_bytes_per_s(curve, measured)
    yield Limit(
        part="NATS: messages",
        streams=measured.publishes / (messages + LEASES_PER_S / room),
        load=f"{messages:.2f} a second for each journaled stream",
        limit=f"{measured.publishes:,.0f}/s",
        source="measured",
        knob="a NATS for each cell; positions less often; no `--journal` where nobody comes back",
    )
    yield Limit(
        part="NATS: bytes on disk",
        streams=assumed.nats_disk_bytes / bytes_per_s,
        load=f"{bytes_per_s:,.0f} B/s for each journaled stream",
        limit=f"{assumed.nats_disk_bytes / 1e6:,.0f} MB/s",
        source="assumed",
        knob="smaller positions; a NATS for each cell",
    )
    yield Limit(
        part="NATS: who watches whom",
        streams=growing_together(
            assumed.nats_bits / 8, bytes_per_s, per_pair=LEASES_PER_S * LEASE_BYTES, room=room
        ),
        load="each replica told of each other every 2 s",
        limit=f"{assumed.nats_bits / 1e9:g} Gbit/s",
        source="assumed",
        knob="cells; larger replicas",
    )


def _of_balancers(curve: MachineCurve, assumed: Assumptions) -> Iterator[Limit]:
    yield Limit(
        part="balancer: bandwidth",
        streams=assumed.balancer_bits / AUDIO_BITS,
        load=f"{AUDIO_BITS / 1000:.0f} kbit/s of PCM",
        limit=f"{assumed.balancer_bits / 1e9:g} Gbit/s",
        source="assumed",
        knob="Opus in WebM or Ogg instead of PCM; more balancers by DNS; direct server return",
    )
    yield Limit(
        part="balancer: connections",
        streams=assumed.files / 2,
        load="two files for each stream",
        limit=f"{assumed.files:,.0f} files",
        source="counted",
        knob="`fd-hard-limit`, and 50 kB of memory for each; more balancers",
    )
    yield Limit(
        part="balancer: table of sessions",
        streams=assumed.table / (1 + assumed.left_over),
        load="one for each session of the last hour",
        limit=f"{assumed.table:,.0f} entries",
        source="counted",
        knob="`size` of the `stick-table`, some 100 bytes each",
    )
    yield Limit(
        part="balancer: new connections at the hour",
        streams=assumed.handshakes / arrivals_per_s(assumed),
        load=f"{1000 * arrivals_per_s(assumed):.1f} a second for each 1,000 streams",
        limit=f"{assumed.handshakes:,.0f}/s with TLS",
        source="assumed",
        knob="cores of the balancer; clients that come a few seconds apart",
    )
    yield Limit(
        part="starting replicas for the hour",
        streams=assumed.node_starts * assumed.ahead_s * curve.carried,
        load=f"all within the {assumed.ahead_s:g} s before",
        limit=f"{assumed.node_starts:g} containers a second",
        source="assumed",
        knob="begin earlier; keep the fleet; images on the machines beforehand",
    )


def shared(limits: Sequence[Limit]) -> list[Limit]:
    """Return those of which a cell has one."""
    return [one for one in limits if one.is_shared]
