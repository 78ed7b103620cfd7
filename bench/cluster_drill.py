"""The drill of a cluster: what sessions notice whose replicas are killed one after the other.

    python -m bench cluster_drill [--sessions 100] [--at-once 8] [--every 20]

Three replicas as operators run them, with the real models, HAProxy before them and NATS between
them. Every so many seconds one is killed (SIGKILL) under its sessions, and started again. Finals
have to be, byte for byte, those of an undisturbed session of the same kind of client, the same mode
and the same clip. A gap is from the kill until the session is listened to again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import cycle, islice, product
from pathlib import Path
from typing import Final

from bench.circumstances import note_circumstances
from bench.clustered import KEY, SERVE, Clustered, Replica, run_clustered
from bench.cut_clients import PAGES
from bench.cut_plans import KINDS, WAYS, Subject
from bench.cuts_drill import MODES, RESULTS, Stage, cut_out, open_clients
from bench.killings import Killings, Survivor, format_killings
from bench.noting_proxy import run_noting_proxy
from bench.paced_clips import serve_paced
from bench.restarted import Talk
from bench.soak_verdicts import find_log_errors
from bench.table import Progress
from scribewire.capacity.server_process import ADMIT_ALL

PARTS: Final = (("two_cities.wav", 0.0, 26.0), ("endgame_nagg_nell.wav", 2.0, 28.0))
COMMAND: Final = (
    *(*SERVE, "--languages", "en", "--allow-source", "127.0.0.1"),
    *("--allow-origin", PAGES, "--log-format", "json"),
)
PIECE_S: Final = 0.1
ADDRESSES: Final = ("listening: ", "page: ")
"""How the lines begin that a server prints beside its log."""
DOWN_S: Final = 2.0
"""Until who has been killed is started again."""


def main(arguments: Sequence[str]) -> int:
    """Run it, print the table, write JSON; 1 where it is not passed."""
    parser = argparse.ArgumentParser(prog="python -m bench cluster_drill")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--every", type=float, default=20.0, help="seconds from kill to kill")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--ways", default=",".join(WAYS[:1]))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--json", type=Path, default=RESULTS / "cluster_drill.json")
    options = parser.parse_args(arguments)
    drill = asyncio.run(measure(options))
    print(format_killings(drill))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **asdict(drill), "gaps_s": drill.gaps_s}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 1 if drill.faults else 0


async def measure(options: argparse.Namespace) -> Killings:
    """Let all be said undisturbed, then under kills."""
    kinds = [kind for kind in KINDS if kind in options.kinds.split(",")]
    ways = [way for way in WAYS if way in options.ways.split(",")]
    modes = [mode for mode in MODES if mode in options.modes.split(",")]
    clips = [cut_out(*part) for part in PARTS]
    every = [
        Subject(kind=kind, mode=mode, way=way, clip=clip)
        for mode, way, clip, kind in product(modes, ways, range(len(clips)), kinds)
    ]
    subjects = list(islice(cycle(every), options.sessions))
    with tempfile.TemporaryDirectory(prefix="scribewire-cluster-") as name:
        async with (
            open_clients(kinds) as clients,
            serve_paced(clips, piece_s=PIECE_S) as origin,
            run_clustered(
                Path(name), count=options.replicas, command=COMMAND, environment=ADMIT_ALL
            ) as cluster,
        ):
            stage = Stage(
                key=KEY,
                port=cluster.port,
                clips=clips,
                origin=origin,
                clients=clients,
                piece_s=PIECE_S,
            )
            expected = await _say_undisturbed(stage, subjects, options.at_once)
            killed_at, began_at = list[float](), time.monotonic()
            killing = asyncio.create_task(_kill_in_turn(cluster, options.every, killed_at))
            survivors = await _say_all(stage, subjects, expected, options.at_once)
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
            seconds = time.monotonic() - began_at
        lines = [line for one in cluster.replicas for line in lines_of(one.log)]
    return Killings(
        survivors=tuple(survivors),
        killed_at=tuple(killed_at),
        seconds=seconds,
        log_errors=tuple(find_log_errors(lines)),
    )


async def _kill_in_turn(cluster: Clustered, every_s: float, killed_at: list[float]) -> None:
    due_at = time.monotonic()
    for victim in cycle(cluster.replicas):
        due_at += every_s
        await asyncio.sleep(max(0.0, due_at - time.monotonic()))
        killed_at.append(time.monotonic())
        await _replace(victim)


async def _replace(victim: Replica) -> None:
    await victim.kill()
    await asyncio.sleep(DOWN_S)
    await victim.start()


async def _say_undisturbed(
    stage: Stage, subjects: Sequence[Subject], at_once: int
) -> Mapping[Subject, tuple[str, ...]]:
    once = list(dict.fromkeys(subjects))
    progress, few = Progress("undisturbed", len(once)), asyncio.Semaphore(at_once)

    async def say(subject: Subject) -> tuple[str, ...]:
        async with few:
            said = await stage.say(subject, stage.port)
        progress.advance()
        return tuple(said)

    return dict(zip(once, await asyncio.gather(*map(say, once)), strict=True))


async def _say_all(
    stage: Stage,
    subjects: Sequence[Subject],
    expected: Mapping[Subject, tuple[str, ...]],
    at_once: int,
) -> list[Survivor]:
    progress, few = Progress("under kills", len(subjects)), asyncio.Semaphore(at_once)

    async def say(subject: Subject) -> Survivor:
        async with few:
            survivor = await _survive(stage, subject, expected[subject])
        progress.advance()
        return survivor

    return list(await asyncio.gather(*map(say, subjects)))


async def _survive(stage: Stage, subject: Subject, expected: tuple[str, ...]) -> Survivor:
    finals, failure = list[str](), ""
    async with run_noting_proxy(stage.port) as proxy:
        try:
            finals = await stage.say(subject, proxy.port)
        except Exception as error:  # noqa: BLE001 - it is told, and the others go on
            failure = f"{type(error).__name__}: {error}"
    talk = Talk(subject=subject, expected=expected, finals=tuple(finals), failure=failure)
    return Survivor(talk=talk, listening_at=tuple(proxy.listening_at))


def lines_of(log: Path) -> list[str]:
    """Return what a server has logged, without what it prints beside."""
    lines = log.read_text("utf-8", "replace").splitlines()
    return [line for line in lines if not line.startswith(ADDRESSES)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
