"""The cuts drill: what sessions notice of a network that resets connections at any moment.

    python -m bench cuts_drill [--sessions 100] [--at-once 1,16] [--ways pushed,pulled]

Each session says a clip of the moonshine-voice package to `scribewire serve`, through a proxy of
its own that cuts up to five connections of it. Its finals have to be, byte for byte, those of an
undisturbed session of the same kind of client, the same mode and the same clip.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, get_args

from bench.circumstances import note_circumstances
from bench.cut_clients import PAGES, Client, Saying, open_pages, say_asyncio, say_blocking, say_raw
from bench.cut_plans import (
    KINDS,
    WAYS,
    CutSession,
    Heard,
    Kind,
    Round,
    Subject,
    Way,
    format_rounds,
    plan_sessions,
)
from bench.manifest import read_pcm
from bench.paced_clips import serve_paced
from bench.served import run_served
from bench.soak_verdicts import find_log_errors
from bench.table import Progress
from scribewire.capacity.server_process import ADMIT_ALL
from scribewire.types import PCM_BYTES_PER_S, Mode
from scribewire.wishes import Wishes
from tests.parts.cutting_proxy import CuttingProxy, run_cutting_proxy
from tests.parts.page_visit import ASSETS

RESULTS: Final = Path(__file__).parent / "results"
KEY: Final = "of-the-drill"
PATIENCE_S: Final = 120.0
# Recording, from second, to second: between 5 and 15 s each, with pauses in them.
PARTS: Final = (
    ("beckett.wav", 0.0, 10.0),
    ("two_cities.wav", 0.0, 12.0),
    ("two_cities.wav", 12.0, 26.0),
    ("endgame_nagg_nell.wav", 0.0, 14.0),
    ("endgame_nagg_nell.wav", 14.0, 28.0),
)
OPTIONS: Final = (
    *("--port", "0", "--languages", "en", "--allow-source", "127.0.0.1"),
    *("--allow-origin", PAGES, "--log-format", "json"),
)
PIECE_S: Final = 0.1
SHORT_PAUSE_MS: Final = 300  # ends an utterance: more finals, so more that could be lost
UNDISTURBED_AT_ONCE: Final = 4
MODES: Final[tuple[Mode, ...]] = get_args(Mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all sessions of a round share."""

    key: str = field(default=KEY, repr=False)
    port: int
    """Of the server."""
    clips: Sequence[bytes] = field(repr=False)
    origin: str
    """The address of the folder with the clips."""
    clients: Mapping[Kind, Client]
    piece_s: float

    async def say(
        self,
        subject: Subject,
        port: int,
        proxy: CuttingProxy | None = None,
        closing_s: float | None = None,
    ) -> list[str]:
        """Let a client say it to this port; cut its last words, if that is wanted."""
        is_pushed = subject.way == "pushed"
        loop, later = asyncio.get_running_loop(), list[asyncio.TimerHandle]()

        def on_stop() -> None:
            if proxy is not None and closing_s is not None:
                later.append(loop.call_later(closing_s, lambda: proxy.cut_all(name="closing")))

        saying = Saying(
            url=f"ws://127.0.0.1:{port}",
            key=self.key,
            wishes=Wishes(
                mode=subject.mode,
                language="en",
                endpointing_ms=SHORT_PAUSE_MS,
                url=None if is_pushed else f"{self.origin}/{subject.clip}.wav",
            ),
            pcm=self.clips[subject.clip] if is_pushed else None,
            piece_s=self.piece_s,
            on_stop=on_stop,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.clients[subject.kind](saying)
        finally:
            for timer in later:
                timer.cancel()


def main(arguments: Sequence[str]) -> int:
    """Run each round, print the table, write JSON; 1 where finals differ."""
    parser = argparse.ArgumentParser(prog="python -m bench cuts_drill")
    parser.add_argument("--sessions", type=int, default=100, help="of each round")
    parser.add_argument("--at-once", default="1,16", help="one round for each of these")
    parser.add_argument("--ways", default=",".join(WAYS), help="one round for each of these")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument(
        "--pace", type=float, help="times real time; 4, or 1 where many are at once"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "cuts_drill.json")
    options = parser.parse_args(arguments)
    rounds = asyncio.run(measure(options))
    print(format_rounds(rounds))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "rounds": [asdict(one) for one in rounds]}
    options.json.write_text(json.dumps(document, indent=1, default=bytes.decode) + "\n", "utf-8")
    return 0 if all(one.is_passed for one in rounds) else 1


async def measure(options: argparse.Namespace) -> list[Round]:
    """Run every round on one server."""
    clips = [cut_out(*part) for part in PARTS]
    kinds = [kind for kind in KINDS if kind in options.kinds.split(",")]
    modes = [mode for mode in MODES if mode in options.modes.split(",")]
    rounds = []
    async with open_clients(kinds) as clients:
        for way in (way for way in WAYS if way in options.ways.split(",")):
            for at_once in map(int, options.at_once.split(",")):
                sessions = list(
                    plan_sessions(
                        options.seed * 1000 + at_once,
                        options.sessions,
                        way=way,
                        kinds=kinds,
                        modes=modes,
                        clip_bytes=[len(clip) for clip in clips],
                    )
                )
                pace = options.pace or (4.0 if at_once == 1 else 1.0)
                rounds.append(await _run_round(way, at_once, sessions, clips, clients, pace))
    return rounds


def cut_out(name: str, begin_s: float, end_s: float) -> bytes:
    """Return a part of a recording."""
    pcm = read_pcm(ASSETS / name)
    return pcm[round(begin_s) * PCM_BYTES_PER_S : round(end_s) * PCM_BYTES_PER_S]


@contextlib.asynccontextmanager
async def open_clients(kinds: Sequence[Kind]) -> AsyncIterator[Mapping[Kind, Client]]:
    """Give these clients, and a browser where it is one of them."""
    clients: dict[Kind, Client] = {
        "raw": say_raw,
        "asyncio": say_asyncio,
        "blocking": say_blocking,
    }
    async with contextlib.AsyncExitStack() as stack:
        if "browser" in kinds:
            clients["browser"] = await stack.enter_async_context(open_pages())
        yield clients


async def _run_round(
    way: Way,
    at_once: int,
    sessions: Sequence[CutSession],
    clips: Sequence[bytes],
    clients: Mapping[Kind, Client],
    pace: float,
) -> Round:
    with tempfile.TemporaryDirectory(prefix="scribewire-cuts-") as name:
        log = Path(name) / "server.log"
        environment = {**ADMIT_ALL, "SCRIBEWIRE_KEYS": KEY}
        piece_s = PIECE_S / pace
        async with (
            run_served(log, *OPTIONS, environment=environment) as server,
            serve_paced(clips, piece_s=piece_s) as origin,
        ):
            stage = Stage(
                port=server.port, clips=clips, origin=origin, clients=clients, piece_s=piece_s
            )
            heard, seconds = await say_all(stage, sessions, at_once)
        errors = find_log_errors(log.read_text("utf-8", "replace").splitlines())
    return Round(
        way=way, at_once=at_once, heard=tuple(heard), seconds=seconds, log_errors=tuple(errors)
    )


async def say_all(
    stage: Stage, sessions: Sequence[CutSession], at_once: int
) -> tuple[list[Heard], float]:
    """Let all be said undisturbed, then with cuts; return what came, and how long the cut took."""
    expected = await _say_undisturbed(stage, sessions)
    began_at = time.monotonic()
    heard = await _say_cut_ones(stage, sessions, expected, at_once)
    return heard, time.monotonic() - began_at


async def _say_undisturbed(
    stage: Stage, sessions: Sequence[CutSession]
) -> dict[Subject, tuple[str, ...]]:
    subjects = list(dict.fromkeys(session.subject for session in sessions))
    progress = Progress("undisturbed", len(subjects))
    few, expected = asyncio.Semaphore(UNDISTURBED_AT_ONCE), dict[Subject, tuple[str, ...]]()

    async def say(subject: Subject) -> None:
        async with few:
            expected[subject] = tuple(await stage.say(subject, stage.port))
        progress.advance()

    await asyncio.gather(*map(say, subjects))
    return expected


async def _say_cut_ones(
    stage: Stage,
    sessions: Sequence[CutSession],
    expected: Mapping[Subject, tuple[str, ...]],
    at_once: int,
) -> list[Heard]:
    progress = Progress("cut", len(sessions))
    few = asyncio.Semaphore(at_once)

    async def say(session: CutSession) -> Heard:
        async with few:
            heard = await _say_cut(stage, session, expected[session.subject])
        progress.advance()
        return heard

    return list(await asyncio.gather(*map(say, sessions)))


async def _say_cut(stage: Stage, session: CutSession, expected: tuple[str, ...]) -> Heard:
    finals, failure = list[str](), ""
    async with run_cutting_proxy(stage.port, session.cuts) as proxy:
        try:
            finals = await stage.say(session.subject, proxy.port, proxy, session.closing_s)
        except Exception as error:  # noqa: BLE001 - it is told, and the others go on
            failure = f"{type(error).__name__}: {error}"
    return Heard(
        session=session,
        made=dict(proxy.made),
        connections=proxy.connections,
        expected=expected,
        finals=tuple(finals),
        failure=failure,
    )
