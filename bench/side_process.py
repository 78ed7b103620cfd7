"""Attacks in a process of their own, beside what is measured: both ends of it.

The process attacks until its standard input ends, and prints then what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_S = 600.0
"""Whatever becomes of who started it."""


@dataclass(frozen=True, slots=True)
class SideProcess:
    """One that attacks."""

    process: Process
    counts: Counter[str] = field(default_factory=Counter)
    """What it has counted, once it has ended."""

    def check_alive(self) -> None:
        """Raise where it has ended by itself: what was measured was not attacked."""
        assert self.process.returncode is None, "the attacks have ended too early"


@contextlib.asynccontextmanager
async def attack_beside(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[SideProcess]:
    """Run such a module for as long as the context is open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # see _give_way
    )
    beside = SideProcess(process)
    try:
        yield beside
    finally:
        assert process.stdin is not None
        process.stdin.close()
        output, _ = await process.communicate()
        beside.counts.update(json.loads(output))


async def attack_until_input_ends(
    attacks: Iterable[Coroutine[None, None, None]], counts: Counter[str], *, seconds: float
) -> None:
    """Do so in the process itself, for so long at most."""
    _give_way()
    ends = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(ends), sys.stdin
    )
    attacking = [asyncio.create_task(attack) for attack in attacks]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ends.read()
    for task in attacking:
        task.cancel()
    await asyncio.gather(*attacking, return_exceptions=True)
    print(json.dumps(dict(sorted(counts.items()))), flush=True)


def _give_way() -> None:
    """Leave the server its cores: who attacks one does it from other machines.

    Linux shares cores out by sessions first, so that niceness alone would leave us half of them.
    """
    os.nice(19)
    with contextlib.suppress(OSError):  # not a Linux, or one that does not
        Path("/proc/self/autogroup").write_text("19", "ascii")
