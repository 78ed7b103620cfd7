"""What sessions of a cluster notice of a NATS that is killed, and how all comes back.

    python -m bench cluster_outage [--sessions 6] [--after 10] [--away 60] [--for-good]

Two replicas as operators run them, with the real models, behind HAProxy. NATS is killed under live
sessions, and started again a while later, unless it is gone for good. Finals have to be those of an
undisturbed session, byte for byte, and none much later than there. Then a replica is killed under
other sessions: what was shared has to be so again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from bench.circumstances import note_circumstances
from bench.cluster_drill import COMMAND, PARTS, PIECE_S, lines_of
from bench.clustered import KEY, Clustered, run_clustered
from bench.cut_plans import Kind, Subject
from bench.cuts_drill import RESULTS, Stage, cut_out, open_clients
from bench.noting_proxy import NotingProxy, run_noting_proxy
from bench.soak_verdicts import find_log_errors
from scribewire.capacity.server_process import ADMIT_ALL

KINDS: Final[tuple[Kind, ...]] = ("raw", "asyncio", "blocking")
LATEST_S: Final = 5.0
"""How much later a final may come than undisturbed: while it is found out that NATS has gone, one
waits for it, for 2 s at most."""
KILLED_AFTER_S: Final = 8.0
BACK_PATIENCE_S: Final = 120.0
EXPECTED_ERRORS: Final = ("journal_off",)
"""What a server has to log when NATS goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One session."""

    kind: Kind
    finals: tuple[str, ...]
    after_s: tuple[float, ...]
    """When each final came, from the beginning."""
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What was seen of one."""

    undisturbed: tuple[Said, ...]
    """One of each kind."""
    disturbed: tuple[Said, ...]
    back_s: float | None
    """From the start of NATS until each server wrote down again what happens; None: it was gone."""
    followed: tuple[Said, ...]
    """Sessions under which a replica was killed afterwards."""
    expected_then: tuple[Said, ...]
    log_errors: tuple[str, ...]

    @property
    def latest_s(self) -> float:
        """How much later a final came than undisturbed, at most."""
        due = {one.kind: one.after_s for one in self.undisturbed}
        return max(
            (came - at for one in self.disturbed for came, at in _pairs(one, due[one.kind])),
            default=0.0,
        )

    @property
    def faults(self) -> list[str]:
        """Why it was not passed; nothing when it was."""
        found = {
            "finals differ": not _are_equal(self.disturbed, self.undisturbed),
            f"a final came {self.latest_s:.1f} s late": self.latest_s > LATEST_S,
            "finals differ afterwards": not _are_equal(self.followed, self.expected_then),
            "errors in a log": bool(self.log_errors),
        }
        return [words for words, is_so in found.items() if is_so]


def _pairs(one: Said, due: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(zip(one.after_s, due, strict=False))


def _are_equal(some: Sequence[Said], expected: Sequence[Said]) -> bool:
    due = {one.kind: one.finals for one in expected}
    return all(not one.failure and one.finals == due[one.kind] for one in some)


def main(arguments: Sequence[str]) -> int:
    """Run it, say what was seen, write JSON; 1 where it is not passed."""
    parser = argparse.ArgumentParser(prog="python -m bench cluster_outage")
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=90, help="of each")
    parser.add_argument("--after", type=float, default=10.0, help="seconds until NATS is killed")
    parser.add_argument("--away", type=float, default=60.0, help="seconds")
    parser.add_argument("--for-good", action="store_true", help="it is not started again")
    parser.add_argument("--json", type=Path, default=RESULTS / "cluster_outage.json")
    options = parser.parse_args(arguments)
    outage = asyncio.run(measure(options))
    print(report(outage))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), **asdict(outage)}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 1 if outage.faults else 0


def report(outage: Outage) -> str:
    """Return what was seen, in three lines."""
    told = "gone for good" if outage.back_s is None else f"back after {outage.back_s:.1f} s"
    equal = sum(_are_equal([one], outage.undisturbed) for one in outage.disturbed)
    then = sum(_are_equal([one], outage.expected_then) for one in outage.followed)
    verdict = "not passed: " + "; ".join(outage.faults) if outage.faults else "passed"
    away = (
        f"NATS away: {equal} of {len(outage.disturbed)} sessions equal, finals at most "
        f"{outage.latest_s:.1f} s later than undisturbed; {told}"
    )
    killed = f"a replica killed then: {then} of {len(outage.followed)} sessions equal"
    return "\n".join((away, killed, *outage.log_errors, verdict))


async def measure(options: argparse.Namespace) -> Outage:
    """Run both parts."""
    parts = b"".join(cut_out(*part) for part in PARTS)
    long = (parts * (options.seconds // 50 + 1))[: options.seconds * 32_000]
    clips = [long, cut_out(*PARTS[0])]
    with tempfile.TemporaryDirectory(prefix="scribewire-outage-") as name:
        async with (
            open_clients(KINDS) as clients,
            run_clustered(Path(name), count=2, command=COMMAND, environment=ADMIT_ALL) as cluster,
        ):
            stage = Stage(
                key=KEY, port=cluster.port, clips=clips, origin="", clients=clients, piece_s=PIECE_S
            )
            undisturbed = await _say_all(stage, KINDS, 0)
            kinds = list(islice(cycle(KINDS), options.sessions))
            disturbed, back_s = await _lose_nats(stage, cluster, kinds, options)
            expected, followed = [], []
            if back_s is not None:
                expected = await _say_all(stage, KINDS, 1)
                followed = await _lose_replica(stage, cluster, kinds)
        lines = [line for one in cluster.replicas for line in lines_of(one.log)]
    errors = [
        line
        for line in find_log_errors(lines)
        if not any(f'"{one}"' in line for one in EXPECTED_ERRORS)
    ]
    return Outage(
        undisturbed=tuple(undisturbed),
        disturbed=tuple(disturbed),
        back_s=back_s,
        followed=tuple(followed),
        expected_then=tuple(expected),
        log_errors=tuple(errors),
    )


async def _lose_nats(
    stage: Stage, cluster: Clustered, kinds: Sequence[Kind], options: argparse.Namespace
) -> tuple[list[Said], float | None]:
    saying, back_s = asyncio.create_task(_say_all(stage, kinds, 0)), None
    await asyncio.sleep(options.after)
    await cluster.nats.kill()
    if not options.for_good:
        await asyncio.sleep(options.away)
        started_at = time.monotonic()
        await cluster.nats.start()
        async with asyncio.timeout(BACK_PATIENCE_S):
            while not _are_back(cluster):  # noqa: ASYNC110 - it is other processes
                await asyncio.sleep(0.1)
        back_s = time.monotonic() - started_at
    return await saying, back_s


def _are_back(cluster: Clustered) -> bool:
    """Tell whether each server writes down again what happens."""
    return all(one.log.read_text("utf-8").count('"journal_on"') for one in cluster.replicas)


async def _lose_replica(stage: Stage, cluster: Clustered, kinds: Sequence[Kind]) -> list[Said]:
    saying = asyncio.create_task(_say_all(stage, kinds, 1))
    await asyncio.sleep(KILLED_AFTER_S)
    await cluster.replicas[0].kill()
    return await saying


async def _say_all(stage: Stage, kinds: Sequence[Kind], clip: int) -> list[Said]:
    return list(await asyncio.gather(*(_say(stage, kind, clip) for kind in kinds)))


async def _say(stage: Stage, kind: Kind, clip: int) -> Said:
    finals, failure = list[str](), ""
    subject = Subject(kind=kind, mode="fast", way="pushed", clip=clip)
    async with run_noting_proxy(stage.port) as proxy:
        began_at = time.monotonic()
        try:
            finals = await stage.say(subject, proxy.port)
        except Exception as error:  # noqa: BLE001 - it is told, and the others go on
            failure = f"{type(error).__name__}: {error}"
    return Said(
        kind=kind,
        finals=tuple(finals),
        after_s=_since(proxy, began_at),
        failure=failure,
    )


def _since(proxy: NotingProxy, began_at: float) -> tuple[float, ...]:
    return tuple(round(at - began_at, 3) for at in proxy.finals_at)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
