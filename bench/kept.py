"""What sessions take that are kept for their clients to come back, and that nothing of it stays.

    python -m bench kept [--sessions 1000] [--window 300] [--rounds 2] [--says silence,speech]

One server as an operator runs it, `scribewire serve`, lets sessions in one after the other. Each
says something, and then its connection is reset. Nobody comes back.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import secrets
import socket
import struct
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.observability_cost import read_page
from bench.table import Progress, format_table
from scribewire.audio.pcm import WIRE_PCM
from scribewire.capacity.monologue import Monologue
from scribewire.capacity.trials import find_recordings
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD

RESULTS: Final = Path(__file__).parent / "results"
SILENCE_S, SPEECH_S = 1.0, 4.0
AGAIN_S: Final = 0.5  # after a refusal
QUIET_SHARE: Final = 0.1  # of a core: with less to do for a second, it has done what it was told
PATIENCE_S: Final = 900.0

_METRICS: Final = re.compile(r"= metrics at http://127\.0\.0\.1:(\d+)/metrics")
_KEPT: Final = re.compile(r"^scribewire_kept_sessions\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """What the server's process holds at one moment."""

    kept: int
    """Sessions that nobody carries."""
    rss_bytes: int
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """So many sessions that were lost and kept, once."""

    says: str
    sessions: int
    refused: int
    """How often one was told to try again later."""
    opening_s: float
    """For all of them, one after the other."""
    before: Held
    full: Held
    """With all of them kept, and nothing left to be done for them."""
    after: Held
    """When their window was over."""

    @property
    def bytes_each(self) -> float:
        """How much memory each of them took."""
        return (self.full.rss_bytes - self.before.rss_bytes) / max(self.full.kept, 1)


@dataclass(frozen=True, slots=True)
class KeepingServer:
    """One that runs."""

    url: str
    process: Process
    log: Path

    async def held(self) -> Held:
        """Look at it."""
        import psutil  # noqa: PLC0415 - of the bench set alone

        kept = count_kept(await read_page(self._metrics_port()))
        own = psutil.Process(self.process.pid)
        return Held(kept, own.memory_info().rss, own.num_fds())

    async def until_quiet(self) -> None:
        """Wait until it has done what there is to do."""
        import psutil  # noqa: PLC0415 - of the bench set alone

        own = psutil.Process(self.process.pid)
        async with asyncio.timeout(PATIENCE_S):
            share = 1.0
            while share > QUIET_SHARE:
                spent = own.cpu_times()
                await asyncio.sleep(1)
                now = own.cpu_times()
                share = now.user + now.system - spent.user - spent.system

    async def until_none_is_kept(self) -> None:
        """Wait until the last window is over."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.held()).kept:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(1)

    def _metrics_port(self) -> int:
        return int(_METRICS.findall(self.log.read_text("utf-8"))[0])


@contextlib.asynccontextmanager
async def run_keeping_server(*, sessions: int, window_s: float) -> AsyncIterator[KeepingServer]:
    """Run one that keeps so many for so long, with admission as shipped."""
    key = secrets.token_urlsafe()
    options = ("--port", "0", "--metrics-port", "0", "--key", key, "--languages", "en")
    keeping = {"--resume-window-ms": round(window_s * 1000), "--max-kept-sessions": sessions}
    kept = (str(word) for pair in keeping.items() for word in pair)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "scribewire", "serve", *options, *kept),
                stdout=PIPE,
                stderr=output,
                start_new_session=True,  # else Ctrl-C at our terminal would reach it before we do
            )
        assert process.stdout is not None
        try:
            line = (await process.stdout.readline()).decode()
            if not line:
                sys.exit(f"bench: the server has ended: {log.read_text('utf-8')[-1000:]}")
            url = f"{line.split()[1]}/v2/realtime?token={key}"
            yield KeepingServer(url, process, log)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def lose(url: str, pcm: bytes) -> int:
    """Begin a session, say this, and reset the connection; return how often it was refused."""
    refused = 0
    while not await _lose_once(url, pcm):
        refused += 1
        await asyncio.sleep(AGAIN_S)
    return refused


async def _lose_once(url: str, pcm: bytes) -> bool:
    """Return whether it was let in."""
    try:
        async with connect(f"{url}&resume=true", proxy=None, max_size=None) as client:
            await client.send('{"action":"start"}')
            await _until(client, "listening")
            await client.send(pcm)
            await _until(client, "received")
            # No orderly end: what a network does that is gone.
            linger = struct.pack("ii", 1, 0)
            sock = client.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.transport.abort()
    except (InvalidStatus, ConnectionClosed):  # 503, or 1013
        return False
    return True


async def _until(client: ClientConnection, state: str) -> None:
    while json.loads(await client.recv()).get("state") != state:
        pass


async def measure(
    says: Mapping[str, bytes], *, sessions: int, window_s: float, rounds: int
) -> list[Round]:
    """Have so many lost, for each thing to say, on a server of its own."""
    found: list[Round] = []
    for name, pcm in says.items():
        async with run_keeping_server(sessions=sessions, window_s=window_s) as server:
            await warm_up(server, pcm)
            for number in range(rounds):
                progress = Progress(f"{name}, round {number + 1}", sessions)
                found.append(await lose_all(server, name, pcm, progress, sessions=sessions))
    return found


async def warm_up(server: KeepingServer, pcm: bytes) -> None:
    """Have it done once, and forgotten: libraries allocate for themselves the first time."""
    async with connect(server.url, proxy=None, max_size=None) as client:
        for message in ('{"action":"start"}', pcm, '{"action":"stop"}'):
            await client.send(message)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    await server.until_quiet()


async def lose_all(
    server: KeepingServer, says: str, pcm: bytes, progress: Progress, *, sessions: int
) -> Round:
    """Have so many lost, and wait until they are forgotten."""
    before, began_at, refused = await server.held(), time.monotonic(), 0
    for _ in range(sessions):
        refused += await lose(server.url, pcm)
        progress.advance()
    opening_s = time.monotonic() - began_at
    await server.until_quiet()
    full = await server.held()
    await server.until_none_is_kept()
    await server.until_quiet()
    return Round(
        says=says,
        sessions=sessions,
        refused=refused,
        opening_s=opening_s,
        before=before,
        full=full,
        after=await server.held(),
    )


def count_kept(page: str) -> int:
    """Return how many sessions are kept, from what Prometheus would read."""
    return round(sum(map(float, _KEPT.findall(page))))


def report(rounds: list[Round]) -> str:
    """Return a table with a row for each."""
    header = ("says", "kept", "refused", "opened in, s", "RSS before, MB", "with them", "after")
    rows = [
        (
            one.says,
            f"{one.full.kept} of {one.sessions}",
            str(one.refused),
            f"{one.opening_s:.0f}",
            *(f"{held.rss_bytes / 1e6:.0f}" for held in (one.before, one.full, one.after)),
            f"{one.bytes_each / 1000:.0f}",
            " / ".join(str(held.descriptors) for held in (one.before, one.full, one.after)),
        )
        for one in rounds
    ]
    return format_table((*header, "KB each", "descriptors"), rows)


def speech() -> dict[str, bytes]:
    """Return what sessions may say, by name."""
    vad = SileroVad.load(SILERO_VAD)
    utterances = [one.samples for one in find_recordings(vad)]
    vad.close()
    said = Monologue(np.concatenate(utterances), text="").pcm
    second = WIRE_PCM.rate_hz * WIRE_PCM.block_bytes
    return {
        "silence": bytes(round(SILENCE_S * second)),
        "speech": said[: round(SPEECH_S * second)],
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep what was found."""
    parser = argparse.ArgumentParser(prog="kept", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--window", type=float, default=300.0, help="seconds they are kept for")
    parser.add_argument("--rounds", type=int, default=2, help="on the same server")
    parser.add_argument("--says", default="silence,speech", help="which of these each says")
    chosen = parser.parse_args(arguments)
    said = speech()
    rounds = asyncio.run(
        measure(
            {name: said[name] for name in chosen.says.split(",")},
            sessions=chosen.sessions,
            window_s=chosen.window,
            rounds=chosen.rounds,
        )
    )
    print(report(rounds))
    RESULTS.mkdir(exist_ok=True)
    found = {**asdict(note_circumstances()), "rounds": [asdict(one) for one in rounds]}
    (RESULTS / "kept.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if any(one.full.kept != one.sessions for one in rounds):
        sys.exit("kept: some were not kept, or their window was over too early: see --window")


if __name__ == "__main__":
    main()
