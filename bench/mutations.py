"""Mutated dialogues over real sockets: no traceback, nobody stuck, nothing left behind.

    python -m bench mutations --count 20000

The server is a process of its own with a scripted engine. The same seed sends the same
bytes, but for the keys of handshakes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from bench.mutants import Script, mutate, read_scripts
from bench.scripted_server import START_TIMEOUT_MS, ScriptedServer, run_scripted_server
from scribewire.client import FinalResult, SessionError, connect
from scribewire.testing.scripted import draw_pcm
from tests.parts.raw_websocket import RawSocket, connect_raw

AT_ONCE = 16
PATIENCE_S = 0.3  # a client waits this long for its end, then leaves; the server has its own limits
NO_RECORDING = b"fLaC" + bytes(8192)  # looks like one, until it is decoded
SETTLED_S = START_TIMEOUT_MS / 1000 + 10  # by when nothing of the last clients may be left


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it."""

    count: int
    seed: int
    seconds: float
    tracebacks: int
    errors: tuple[str, ...]
    """The first lines of the log at `error`."""
    answers: dict[str, int]
    """How often a client was told which status of HTTP, close code, or nothing."""
    sessions_left: int
    descriptors_left: int
    rss_before_bytes: int
    rss_after_bytes: int
    serves: bool
    """Whether a well-behaved client is heard afterwards."""

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        is_clean = not self.tracebacks and not self.errors
        return is_clean and self.serves and not self.sessions_left and self.descriptors_left <= 0


def main(arguments: list[str]) -> int:
    """Run it, print the report as JSON; 1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench mutations")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(run_mutations(options.count, options.seed, Path(folder)))
        if not report.is_good:
            log = (Path(folder) / "server.log").read_text("utf-8", "replace")
            at = max(0, log.find("Traceback") - 1_000)
            print(log[at : at + 5_000], file=sys.stderr)
    print(json.dumps(asdict(report), indent=2))
    return 0 if report.is_good else 1


async def run_mutations(count: int, seed: int, folder: Path) -> Report:
    """Send so many mutated dialogues to a server, and look at what it says and keeps."""
    random = Random(seed)
    scripts = read_scripts()
    async with run_scripted_server(folder) as server:
        await warm_up(server)
        descriptors, rss_bytes = server.descriptors, server.rss_bytes
        began_at = time.monotonic()
        answers = await send_all(server, [random.choice(scripts) for _ in range(count)], seed)
        seconds = time.monotonic() - began_at
        descriptors_left, sessions_left = await settle(server, descriptors)
        return Report(
            count=count,
            seed=seed,
            seconds=round(seconds, 1),
            tracebacks=server.log.read_bytes().count(b"Traceback"),
            errors=errors_of(server.log),
            answers=dict(sorted(answers.items())),
            sessions_left=sessions_left,
            descriptors_left=descriptors_left,
            rss_before_bytes=rss_bytes,
            rss_after_bytes=server.rss_bytes,
            serves=await _serves(server),
        )


async def send_all(server: ScriptedServer, scripts: list[Script], seed: int) -> Counter[str]:
    """Send each of them, mutated; return how often a client was answered how."""
    answers: Counter[str] = Counter()
    waiting = iter(enumerate(scripts))

    async def work() -> None:
        for number, script in waiting:
            random = Random(f"{seed} {number}")
            answers[await _send(server, mutate(script, random), random)] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return answers


async def _send(server: ScriptedServer, script: Script, random: Random) -> str:
    """Send one dialogue, in pieces; return how it was answered."""
    with contextlib.suppress(ConnectionError):
        async with connect_raw(server.host, server.port) as raw:
            if random.random() < 0.05:  # all at once, before there is an answer
                raw.writer.write(script.handshake + script.data)
                return await _end(raw, random)
            await raw.send(script.handshake)
            return await _converse(raw, script, random)
    return "connection lost"


async def _converse(raw: RawSocket, script: Script, random: Random) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = await raw.head()
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return "no answer"
    if " 101 " not in head:
        return f"HTTP {head.split()[1]}"
    data = script.data
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.randint(0, 3)))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        raw.writer.write(data[start:end])
        await asyncio.sleep(0)
    return await _end(raw, random)


async def _end(raw: RawSocket, random: Random) -> str:
    """Leave at once, or say that nothing more comes, or wait for the end."""
    how = random.random()
    if how < 0.2:
        return "left at once"
    if how < 0.4 and raw.writer.can_write_eof():
        raw.writer.write_eof()
    data = bytearray()
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            while more := await raw.reader.read(65_536):
                data += more
            return "closed"
    return "left open"


async def _serves(server: ScriptedServer) -> bool:
    """Tell whether a well-behaved client is heard."""
    async with connect(f"ws://{server.host}:{server.port}", key="good-key") as client:
        await client.send_audio(draw_pcm("..hello...."))
        await client.stop()
        finals = [one.text async for one in client if isinstance(one, FinalResult)]
    return finals == ["hello"]


async def warm_up(server: ScriptedServer) -> None:
    """Let it start what stays: a session is heard, a recording needs what decoders come from."""
    before = server.descriptors  # nobody has been there
    serves = await _serves(server)
    assert serves, "the server does not serve before anything was sent"
    async with connect(f"ws://{server.host}:{server.port}", key="good-key") as client:
        await client.send_audio(NO_RECORDING)
        with contextlib.suppress(SessionError):
            async for _ in client:
                pass
    kept = 1  # of the process that decoders are forked from
    left, _ = await settle(server, before + kept)
    assert left == 0, "the first recording has left something behind"


async def settle(server: ScriptedServer, before: int) -> tuple[int, int]:
    """Return how many descriptors and sessions are left, once none is or none may be."""
    until = time.monotonic() + SETTLED_S
    while True:
        descriptors = server.descriptors - before
        sessions = await asyncio.to_thread(_sessions, server)
        if (descriptors <= 0 and not sessions) or time.monotonic() > until:
            return descriptors, sessions
        await asyncio.sleep(0.1)


def _sessions(server: ScriptedServer) -> int:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        sessions: int = json.loads(connection.getresponse().read())["sessions"]
        return sessions
    finally:
        connection.close()


def errors_of(log: Path) -> tuple[str, ...]:
    """Return the first lines of a log at `error`."""
    lines = log.read_text("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line.startswith(("ERROR", "CRITICAL")))[:5]
