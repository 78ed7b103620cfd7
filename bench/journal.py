"""What a journal costs: SQLite beside a file format of our own, with the rows of a full machine.

    python bench/journal.py [--streams 25] [--rounds 4] [--seconds 10]

A final each 4 s and a position each second of each stream. The processor is measured with the rows
of a minute written without waiting in between, again and again, in turn; how long finals wait with
the rows as they come in time, through the thread and the batches of the server. The format of our
own is what it would be at the least: each row with its length and a CRC-32, appended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from zlib import crc32

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.table import format_table
from scribewire.audio.pcm import WIRE_PCM
from scribewire.audio.wire import WireLayout
from scribewire.events import Final
from scribewire.journal.entries import (
    JournaledFinal,
    JournalEntry,
    SessionHead,
    SessionPosition,
)
from scribewire.journal.reader import read_session
from scribewire.journal.rows import read_final, write_final, write_head, write_layout
from scribewire.journal.writer import JournalWriter
from scribewire.runtime.cores import available_cores
from scribewire.server.disk_store import DiskStore
from scribewire.server.journal_keeper import SYNC_EVERY_S, JournalKeeper
from scribewire.types import Word
from scribewire.wishes import Wishes

RESULTS = Path(__file__).parent / "results"
FINAL_EVERY_S = 4
CHECKPOINT_BYTES = 4200  # of a conversation with speakers, in the middle; a new one with each final
MINUTE_S = 60
HOUR_S = 3600
TEXT = "It was the epoch of belief that was the epoch of incredulity."
ALLOWED_SHARE = 0.02  # of the machine, that the library may cost more

_PREFIX = struct.Struct("<IIBI")  # length, checksum, kind, session


class OwnFormatWriter(JournalWriter):
    """The same in a file of our own: what it takes to write it, and no more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, days=30)
        self.path = folder / "own.journal"
        self._file = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._sessions: dict[str, int] = {}

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries by one call of the system."""
        rows = bytearray()
        for entry in entries:
            rows += b"".join(self._rows(entry))
        os.write(self._file, rows)

    def _rows(self, entry: JournalEntry) -> Iterator[bytes]:
        session_id = entry.head.session_id
        if session_id not in self._sessions:
            self._sessions[session_id] = len(self._sessions)
            yield self._row(0, session_id, write_head(entry.head))
        if entry.final is not None:
            number = entry.final.number.to_bytes(4, "little")
            yield self._row(1, session_id, number + write_final(entry.final.final))
        if (at := entry.position) is not None:
            told = (at.at_ms, at.received_bytes, at.replay_from_bytes, at.audio_ms, at.finals)
            layout = (write_layout(at.layout) or "").encode()
            yield self._row(2, session_id, struct.pack("<6q", *told, at.settled_ms or 0) + layout)
            if at.checkpoint is not None and entry.final is not None:
                yield self._row(3, session_id, at.checkpoint)

    def _row(self, kind: int, session_id: str, content: bytes) -> bytes:
        crc = crc32(content, crc32(session_id.encode()))
        return _PREFIX.pack(len(content), crc, kind, self._sessions[session_id]) + content

    def sync(self) -> None:
        """Have it on the disk."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of it; again does nothing."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def find(self, session_id: str) -> list[Final]:
        """Return a session's finals; without an index the whole file is read."""
        content, at, key, found = self.path.read_bytes(), 0, -1, []
        while at < len(content):
            length, _, kind, session = _PREFIX.unpack_from(content, at)
            at += _PREFIX.size
            row = content[at : at + length]
            at += length
            if kind == 0 and json.loads(row)["session_id"] == session_id:
                key = session
            if kind == 1 and session == key:
                found.append(read_final(row[4:]))
        return found


WRITERS: dict[str, Callable[[Path], JournalWriter]] = {
    "SQLite": lambda folder: JournalWriter(folder, days=30),
    "a format of our own": OwnFormatWriter,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one way to write costs."""

    core_shares: list[float]
    """Processor time for each second of the machine's, one for each round."""
    wait_ms: list[float]
    """From handing in a final until it may be told, one for each final."""
    bytes_per_stream_hour: float
    find_ms: float
    """To find the finals of one session among those of an hour."""

    @property
    def core_share(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.core_shares)


def heads(streams: int) -> list[SessionHead]:
    """Return what each stream's session was begun with."""
    wishes = Wishes(language="en")
    return [
        SessionHead(
            session_id=f"{number:032x}",
            began_at_ms=0,
            path="/v2/realtime",
            wishes=wishes,
            key_id="a",
        )
        for number in range(streams)
    ]


def at_second(head: SessionHead, number: int, second: int) -> JournalEntry:
    """Return what one stream has written in a second; they take turns to end an utterance."""
    is_final = (second + number) % FINAL_EVERY_S == 0
    count = (second + number) // FINAL_EVERY_S
    position = SessionPosition(
        at_ms=second * 1000,
        received_bytes=second * 32_000,
        replay_from_bytes=count * 128_000,
        audio_ms=second * 1000,
        finals=count,
        settled_ms=count * 4000,
        layout=WireLayout(pcm=WIRE_PCM),
        checkpoint=Random(f"{number} {count}").randbytes(CHECKPOINT_BYTES),
    )
    final = JournaledFinal(number=count, final=make_final(count, second)) if is_final else None
    return JournalEntry(head=head, final=final, position=position)


def make_final(count: int, second: int) -> Final:
    """Return a final of usual length."""
    at_ms = second * 1000
    words = tuple(
        Word(text=text, start_ms=start_ms, end_ms=start_ms + 210, confidence=0.93)
        for start_ms, text in zip(range(at_ms, at_ms + 5000, 250), TEXT.split(), strict=False)
    )
    return Final(
        utterance=count,
        text=TEXT,
        start_sample=at_ms * 16,
        end_sample=at_ms * 16 + 48_000,
        decided_sample=at_ms * 16 + 56_000,
        words=words,
        speaker=1,
        language="en",
    )


def batches(streams: int, seconds: int) -> Iterator[list[JournalEntry]]:
    """Yield what a full machine writes: each final by itself, the positions of a second at once."""
    known = heads(streams)
    for second in range(FINAL_EVERY_S, seconds + FINAL_EVERY_S):
        entries = [at_second(head, number, second) for number, head in enumerate(known)]
        yield [one for one in entries if one.final is None]
        yield from ([one] for one in entries if one.final is not None)


def measure_processor(writer: JournalWriter, streams: int) -> float:
    """Return the share of a core that the rows of a minute take."""
    rows = list(batches(streams, MINUTE_S))
    per_sync = len(rows) * SYNC_EVERY_S / MINUTE_S
    began_s = time.process_time()
    for number, batch in enumerate(rows, 1):
        writer.write(batch)
        if number % per_sync < 1:
            writer.sync()
    return (time.process_time() - began_s) / MINUTE_S


async def measure_waits(writer: JournalWriter, streams: int, seconds: int) -> list[float]:
    """Return how long each final waits, in ms, with the rows as they come in time."""
    keeper, waits = JournalKeeper(DiskStore(writer)), list[float]()
    running = asyncio.create_task(keeper.run())
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    known = heads(streams)
    for second in range(FINAL_EVERY_S, seconds + FINAL_EVERY_S):
        for number, head in enumerate(known):
            due_at = began_at + second - FINAL_EVERY_S + number / streams
            await asyncio.sleep(max(0.0, due_at - loop.time()))
            hand_in(keeper, at_second(head, number, second), waits)
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await keeper.aclose()
    if not keeper.is_up:
        sys.exit("bench: the disk did not take the journal")
    return waits


def hand_in(keeper: JournalKeeper, entry: JournalEntry, waits: list[float]) -> None:
    """Write an entry; how long it waits is noted if it has a final."""
    if entry.final is None:
        keeper.write(entry)
        return
    began_s = time.perf_counter()
    keeper.write_soon(entry, lambda: waits.append((time.perf_counter() - began_s) * 1000))


def measure_finding(name: str, folder: Path, streams: int) -> tuple[float, float]:
    """Return what it takes to find a session, in ms, and the bytes of an hour of a stream."""
    folder.mkdir()
    writer = WRITERS[name](folder)
    rows = [entry for batch in batches(streams, HOUR_S) for entry in batch]
    for start in range(0, len(rows), 1000):
        writer.write(rows[start : start + 1000])
    writer.close()
    size = sum(one.stat().st_size for one in folder.iterdir())
    session_id = heads(streams)[-1].session_id
    began_s = time.perf_counter()
    if isinstance(writer, OwnFormatWriter):
        found = len(writer.find(session_id))
    else:
        session = read_session(folder, session_id)
        found = 0 if session is None else len(session.finals)
    took_ms = (time.perf_counter() - began_s) * 1000
    assert found == HOUR_S // FINAL_EVERY_S, found
    return took_ms, size / streams


def measure(streams: int, rounds: int, seconds: int, folder: Path) -> dict[str, Cost]:
    """Measure both in turn."""
    shares: dict[str, list[float]] = {name: [] for name in WRITERS}
    waits: dict[str, list[float]] = {name: [] for name in WRITERS}
    for turn in range(rounds):
        for name in list(WRITERS)[:: -1 if turn % 2 else 1]:
            for what in ("processor", "waits"):
                (folder / f"{name} {what} {turn}").mkdir()
            writer = WRITERS[name](folder / f"{name} processor {turn}")
            shares[name].append(measure_processor(writer, streams))
            writer.close()
            timed = WRITERS[name](folder / f"{name} waits {turn}")
            waits[name] += asyncio.run(measure_waits(timed, streams, seconds))
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    costs = {}
    for name in WRITERS:
        find_ms, size = measure_finding(name, folder / f"{name} hour", streams)
        costs[name] = Cost(
            core_shares=shares[name],
            wait_ms=waits[name],
            bytes_per_stream_hour=size,
            find_ms=find_ms,
        )
    return costs


def report(costs: dict[str, Cost], streams: int, cores: int) -> str:
    """Return a table, and what is to be taken by it."""
    header = (
        f"{streams} streams",
        "% of a core",
        "range",
        "final waits p50",
        "p95",
        "most",
        "MB a stream hour",
        "find one",
    )
    library, own = (costs[name] for name in WRITERS)
    more = (library.core_share - own.core_share) / cores
    verdict = "the library" if more <= ALLOWED_SHARE else "the format of our own"
    return (
        f"{format_table(header, [_row(name, cost) for name, cost in costs.items()])}\n"
        f"the library takes {more:+.2%} of a machine of {cores} cores more (allowed: "
        f"{ALLOWED_SHARE:.0%}): {verdict}"
    )


def _row(name: str, cost: Cost) -> list[str]:
    shares, places = cost.core_shares, statistics.quantiles(cost.wait_ms, n=20)
    return [
        name,
        f"{cost.core_share:.2%}",
        f"{min(shares):.2%} to {max(shares):.2%}",
        f"{places[9]:.2f} ms",
        f"{places[18]:.2f} ms",
        f"{max(cost.wait_ms):.1f} ms",
        f"{cost.bytes_per_stream_hour / 1e6:.2f}",
        f"{cost.find_ms:.1f} ms",
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=10, help="of each round, in time")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    chosen = parser.parse_args(arguments)
    circumstances = note_circumstances()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        costs = measure(chosen.streams, chosen.rounds, chosen.seconds, Path(folder))
    print(report(costs, chosen.streams, available_cores()))
    RESULTS.mkdir(exist_ok=True)
    found = {
        **asdict(circumstances),
        "streams": chosen.streams,
        "costs": {name: asdict(cost) for name, cost in costs.items()},
    }
    (RESULTS / "journal.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
