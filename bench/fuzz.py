"""Mutated messages, by the million: to the protocol core, and to a server beside a session.

    python -m bench fuzz --core 2000000 --live 200000

The same seed sends the same, but for the keys of handshakes and what the network makes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from bench.core_fuzz import CoreFinding, fuzz_core
from bench.mutants import Script, read_scripts
from bench.mutations import errors_of, send_all, settle, warm_up
from bench.scripted_server import ScriptedServer, run_scripted_server
from scribewire.client import Client, FinalResult, connect
from scribewire.testing.scripted import draw_pcm

SPOKEN = draw_pcm("..hello" + "." * 20)
HEARD_WITHIN_S = 5.0
BREAK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReport:
    """What a server made of it."""

    messages: int
    """Frames that were sent, whole or broken."""
    dialogues: int
    seconds: float
    answers: dict[str, int]
    """How often a client was told which status of HTTP, close code, or nothing."""
    tracebacks: int
    errors: tuple[str, ...]
    """The first lines of the log at `error`."""
    has_crashed: bool
    neighbour_said: int
    """Utterances of the session beside."""
    neighbour_heard: int
    """Of those, the ones whose final came as it was said."""
    neighbour_slowest_s: float
    """From the last byte of one to its final."""
    sessions_left: int
    descriptors_left: int

    @property
    def faults(self) -> list[str]:
        """What went wrong."""
        found = {
            "traceback": self.tracebacks > 0,
            "error in the log": bool(self.errors),
            "crash": self.has_crashed,
            "another session disturbed": self.neighbour_heard != self.neighbour_said,
            "sessions or descriptors left": self.sessions_left > 0 or self.descriptors_left > 0,
        }
        return [words for words, is_so in found.items() if is_so]


@dataclass
class Neighbour:
    """A session beside the fuzz that says the same again and again."""

    said: int = 0
    heard: int = 0
    slowest_s: float = 0.0

    async def speak(self, client: Client) -> None:
        """Say one utterance after the other, each once the one before has been heard."""
        finals = (one async for one in client if isinstance(one, FinalResult) and one.text)
        while True:
            await client.send_audio(SPOKEN)
            self.said += 1
            began_at = time.monotonic()
            async with asyncio.timeout(HEARD_WITHIN_S):
                final = await anext(finals)
            self.slowest_s = max(self.slowest_s, time.monotonic() - began_at)
            self.heard += final.text == "hello"
            await asyncio.sleep(BREAK_S)


def main(arguments: list[str]) -> int:
    """Run both, print what came of them as JSON; 1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench fuzz")
    parser.add_argument("--core", type=int, default=2_000_000)
    parser.add_argument("--live", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    findings: list[CoreFinding] = []
    began_at = time.monotonic()
    messages = fuzz_core(options.core, options.seed, findings)
    core_s = time.monotonic() - began_at
    with tempfile.TemporaryDirectory() as folder:
        live = asyncio.run(fuzz_server(options.live, options.seed, Path(folder)))
    report = {
        "core": {
            "messages": messages,
            "seconds": round(core_s, 1),
            "findings": [asdict(one) for one in findings],
        },
        "live": {**asdict(live), "faults": live.faults},
    }
    print(json.dumps(report, indent=2))
    return 1 if findings or live.faults else 0


async def fuzz_server(count: int, seed: int, folder: Path) -> LiveReport:
    """Send at least so many messages to a server, with a session beside them."""
    scripts = _choose(count, seed)
    async with run_scripted_server(folder) as server:
        await warm_up(server)
        descriptors = server.descriptors
        neighbour = Neighbour()
        began_at = time.monotonic()
        answers = await _send_beside(server, scripts, seed, neighbour)
        seconds = time.monotonic() - began_at
        has_crashed = server.process.returncode is not None
        left = (0, 0) if has_crashed else await settle(server, descriptors)
        return LiveReport(
            messages=sum(len(script.frames) + 1 for script in scripts),
            dialogues=len(scripts),
            seconds=round(seconds, 1),
            answers=dict(sorted(answers.items())),
            tracebacks=server.log.read_bytes().count(b"Traceback"),
            errors=errors_of(server.log),
            has_crashed=has_crashed,
            neighbour_said=neighbour.said,
            neighbour_heard=neighbour.heard,
            neighbour_slowest_s=round(neighbour.slowest_s, 3),
            descriptors_left=left[0],
            sessions_left=left[1],
        )


def _choose(count: int, seed: int) -> list[Script]:
    """Return dialogues with so many messages in all: a handshake is one, a frame is one."""
    random, scripts, known = Random(seed), [], read_scripts()
    while count > 0:
        scripts.append(random.choice(known))
        count -= len(scripts[-1].frames) + 1
    return scripts


async def _send_beside(
    server: ScriptedServer, scripts: list[Script], seed: int, neighbour: Neighbour
) -> Counter[str]:
    async with connect(f"ws://{server.host}:{server.port}", key="good-key") as client:
        speaking = asyncio.create_task(neighbour.speak(client))
        sending = asyncio.create_task(send_all(server, scripts, seed))
        await asyncio.wait((speaking, sending), return_when=asyncio.FIRST_COMPLETED)
        if speaking.done():  # it has failed: `heard` is one too few
            return await sending
        neighbour.said -= neighbour.said > neighbour.heard  # not waited for
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        return await sending
