"""The restart drill: what sessions notice of servers that are restarted, and of one that is killed.

    python -m bench restart_drill [--planned 16] [--killed 8] [--kinds asyncio,blocking]

Planned: a server is told to end under live sessions, and another one has its address from then on.
Killed: a server with a journal is killed under live sessions, and started again on the same port.
Either way each session is said once more undisturbed; every word of that has to be there, once, and
where a session was killed each final as it was, to the letter and the digit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any, Final

from bench.circumstances import note_circumstances
from bench.cut_plans import KINDS, WAYS, Subject
from bench.cuts_drill import KEY, MODES, OPTIONS, PIECE_S, RESULTS, Stage, cut_out, open_clients
from bench.paced_clips import serve_paced
from bench.restarted import Journaled, Restart, Talk, format_restarts
from bench.served import run_served
from bench.soak_verdicts import find_log_errors
from scribewire.capacity.server_process import ADMIT_ALL
from scribewire.errors import ServerFault
from tests.parts.cutting_proxy import run_cutting_proxy

PARTS: Final = (("two_cities.wav", 0.0, 26.0), ("endgame_nagg_nell.wav", 2.0, 28.0))
ENVIRONMENT: Final = {**ADMIT_ALL, "SCRIBEWIRE_KEYS": KEY}
DRAINS_MS: Final = 15_000
"""For which sessions may go on: not to their end."""


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, print the tables, write JSON; 1 where it is not passed."""
    parser = argparse.ArgumentParser(prog="python -m bench restart_drill")
    parser.add_argument("--planned", type=int, default=16, help="sessions; 0: leave it out")
    parser.add_argument("--killed", type=int, default=8, help="sessions; 0: leave it out")
    parser.add_argument("--after", type=float, default=8.0, help="seconds from their beginning")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--ways", default=",".join(WAYS[:1]))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--json", type=Path, default=RESULTS / "restart_drill.json")
    options = parser.parse_args(arguments)
    restarts = asyncio.run(measure(options))
    print(format_restarts(restarts))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "restarts": [asdict(one) for one in restarts]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0 if all(one.is_passed for one in restarts) else 1


async def measure(options: argparse.Namespace) -> list[Restart]:
    """Run both drills, each on servers of its own."""
    kinds = [kind for kind in KINDS if kind in options.kinds.split(",")]
    ways = [way for way in WAYS if way in options.ways.split(",")]
    modes = [mode for mode in MODES if mode in options.modes.split(",")]
    clips = [cut_out(*part) for part in PARTS]
    every = product(modes, ways, range(len(clips)), kinds)
    subjects = [
        Subject(kind=kind, mode=mode, way=way, clip=clip) for mode, way, clip, kind in every
    ]
    restarts = []
    async with open_clients(kinds) as clients, serve_paced(clips, piece_s=PIECE_S) as origin:
        stage = Stage(port=0, clips=clips, origin=origin, clients=clients, piece_s=PIECE_S)
        if options.planned:
            # A client that holds to the wire alone does not move to another server.
            moving = [one for one in subjects if one.kind != "raw"]
            restarts.append(
                await _restart_planned(stage, _so_many(moving, options.planned), options.after)
            )
        if options.killed:
            restarts.append(await _kill(stage, _so_many(subjects, options.killed), options.after))
    return restarts


def _so_many(subjects: Sequence[Subject], count: int) -> list[Subject]:
    return list(islice(cycle(subjects), count))


async def _restart_planned(stage: Stage, subjects: Sequence[Subject], after_s: float) -> Restart:
    with tempfile.TemporaryDirectory(prefix="scribewire-restart-") as name:
        logs = [Path(name) / "first.log", Path(name) / "second.log"]
        options = [*OPTIONS, "--drain-timeout-ms", str(DRAINS_MS)]
        async with (
            run_served(logs[0], *options, environment=ENVIRONMENT) as first,
            run_served(logs[1], *OPTIONS, environment=ENVIRONMENT) as second,
            run_cutting_proxy(first.port) as front,
        ):
            expected = await _say_undisturbed(stage, subjects, second.port)
            talking = [
                asyncio.create_task(_talk(stage, subject, front.port, expected[subject]))
                for subject in subjects
            ]
            await asyncio.sleep(after_s)
            front.upstream_port = second.port
            told_at = time.monotonic()
            first.process.terminate()
            exit_code = await first.process.wait()
            ended_s = time.monotonic() - told_at
            talks = await asyncio.gather(*talking)
        lines = _lines_of(logs)
        moved = _starts_in(_lines_of(logs[1:])) - len(expected)
    return Restart(
        name="planned",
        talks=tuple(talks),
        moved=moved,
        closes=_closes_in(lines),
        exit_code=exit_code,
        ended_s=ended_s,
        log_errors=tuple(find_log_errors(lines)),
    )


async def _kill(stage: Stage, subjects: Sequence[Subject], after_s: float) -> Restart:
    with tempfile.TemporaryDirectory(prefix="scribewire-killed-") as name:
        folder = Path(name)
        log, journal = folder / "server.log", str(folder / "journal")
        async with run_served(folder / "other.log", *OPTIONS, environment=ENVIRONMENT) as other:
            expected = await _say_undisturbed(stage, subjects, other.port)
        options = [*OPTIONS, "--journal", journal]
        async with run_served(log, *options, environment=ENVIRONMENT) as killed:
            port = killed.port
            talking = [
                asyncio.create_task(_talk(stage, subject, port, expected[subject]))
                for subject in subjects
            ]
            await asyncio.sleep(after_s)
            killed.process.kill()
            await killed.process.wait()
        options += ["--port", str(port)]  # the last of two counts
        async with run_served(log, *options, environment=ENVIRONMENT):
            talks = await asyncio.gather(*talking)
        journaled = await _read_journal(journal)
        lines = _lines_of([log])
    return Restart(
        name="killed",
        talks=tuple(talks),
        closes=_closes_in(lines),
        journal=tuple(journaled),
        log_errors=tuple(find_log_errors(lines)),
    )


async def _say_undisturbed(
    stage: Stage, subjects: Sequence[Subject], port: int
) -> Mapping[Subject, tuple[str, ...]]:
    once = list(dict.fromkeys(subjects))
    said = await asyncio.gather(*(stage.say(subject, port) for subject in once))
    return dict(zip(once, map(tuple, said), strict=True))


async def _talk(stage: Stage, subject: Subject, port: int, expected: tuple[str, ...]) -> Talk:
    finals, failure = list[str](), ""
    try:
        finals = await stage.say(subject, port)
    except Exception as error:  # noqa: BLE001 - it is told, and the others go on
        failure = f"{type(error).__name__}: {error}"
    return Talk(subject=subject, expected=expected, finals=tuple(finals), failure=failure)


# What the servers leave behind.


def _lines_of(logs: Iterable[Path]) -> list[str]:
    return [line for log in logs for line in log.read_text("utf-8", "replace").splitlines()]


def _closes_in(lines: Iterable[str]) -> dict[int, int]:
    return dict(Counter(int(one["code"]) for one in _events_in(lines, "closed")))


def _starts_in(lines: Iterable[str]) -> int:
    return len(_events_in(lines, "opened"))


def _events_in(lines: Iterable[str], name: str) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return [one for one in told if one.get("event") == name]


async def _read_journal(folder: str) -> list[Journaled]:
    listed = await _run_sessions("list", "--journal", folder)
    found = []
    for one in listed["sessions"]:
        told = await _run_sessions("export", one["id"], "--journal", folder)
        finals = told["finals"]
        found.append(
            Journaled(
                state=str(one["state"]),
                texts=tuple(str(final["text"]) for final in finals),
                numbers=tuple(int(final["number"]) for final in finals),
            )
        )
    return found


async def _run_sessions(*arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "sessions", *arguments, "--format", "json"),
        stdout=PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise ServerFault(f"scribewire sessions {arguments[0]} ended with {process.returncode}")
    answer: dict[str, Any] = json.loads(output)
    return answer
