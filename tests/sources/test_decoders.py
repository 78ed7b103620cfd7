from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.hostile_media import is_alive
from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.decoders import NICENESS, Decoders
from scribewire.sources.events import SourceAudio
from scribewire.sources.faults import SourceFault
from tests.parts.wav import FOREVER, wav

pytestmark = [
    pytest.mark.slow,  # each case starts a process that loads FFmpeg
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows processes as files"),
]

PATIENCE_S = 30.0
PCM = np.random.default_rng(4).integers(-9000, 9000, 16_000, np.int16).astype("<i2").tobytes()


async def hear(decoders: Decoders) -> bytes:
    async with decoders.start() as decoder:
        await decoder.write(wav(PCM, size=FOREVER))
        decoder.end_input()
        return await rest_of(decoder)


def fields_of(pid: int) -> list[str]:
    """Return what the system knows of a process, from its state on (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()


def parent_of(pid: int) -> int:
    return int(fields_of(pid)[1])


def has_gone(pid: int) -> bool:
    """Tell whether it is at most a zombie, which whoever has inherited it may leave for a while."""
    return not is_alive(pid) or fields_of(pid)[0] == "Z"


def children_of(pid: int) -> list[int]:
    every = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [one for one in every if is_alive(one) and parent_of(one) == pid]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - the system tells nobody
            await asyncio.sleep(0.01)


async def rest_of(decoder: DecoderProcess) -> bytes:
    pieces = [piece async for piece in decoder.heard()]
    return b"".join(piece.pcm for piece in pieces if isinstance(piece, SourceAudio))


async def test_all_are_forked_from_one_which_ends_with_the_block() -> None:
    with Decoders() as decoders:
        async with decoders.start() as one, decoders.start() as other:
            parents = {parent_of(decoder.pid) for decoder in (one, other)}
            niceness = os.getpriority(os.PRIO_PROCESS, one.pid)
        assert not is_alive(one.pid)
        assert not is_alive(other.pid)
        (parent,) = parents
        assert parent_of(parent) == os.getpid()

    assert niceness == NICENESS
    assert not is_alive(parent)


@pytest.mark.skipif(
    not os.access("/proc/self/autogroup", os.W_OK), reason="cores are not shared out by sessions"
)
async def test_decoders_give_way_too_where_cores_are_shared_out_by_sessions() -> None:
    def group_of(pid: int | str) -> str:
        return Path(f"/proc/{pid}/autogroup").read_text("ascii").strip()

    with Decoders() as decoders:
        async with decoders.start() as decoder:
            theirs, ours = group_of(decoder.pid), group_of("self")

    assert theirs.endswith(f" nice {NICENESS}")
    # Who was started before there were sessions is in no group, and is shown none.
    assert theirs.split()[0] not in ours.split()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a decoder")
async def test_a_decoder_has_nothing_open_but_its_input_and_output() -> None:
    with Decoders() as decoders:
        async with decoders.start() as _, decoders.start() as decoder:
            await decoder.write(wav(PCM, size=FOREVER))
            info = await decoder.info()
            held = sorted(os.listdir(f"/proc/{decoder.pid}/fd"))  # noqa: PTH208 - only names

    assert decoder.is_isolated
    assert info.codec == "pcm_s16le"
    assert held in (["0", "1", "2"], ["0", "1", "2", "3"])  # the last lists them


async def test_another_is_started_when_what_forks_them_has_gone() -> None:
    with Decoders() as decoders:
        async with decoders.start() as decoder:
            os.kill(parent_of(decoder.pid), signal.SIGKILL)
            with pytest.raises(SourceFault, match="crashed"):
                await rest_of(decoder)
        await until(lambda: has_gone(decoder.pid))

        assert await hear(decoders) == PCM


async def test_whoever_is_cancelled_while_it_starts_leaves_no_decoder() -> None:
    with Decoders() as decoders:
        starting = asyncio.create_task(hear(decoders))
        await asyncio.sleep(0)  # until it waits for the process to answer
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        async with decoders.start() as decoder:  # answered after the first
            forking = parent_of(decoder.pid)
            await until(lambda: children_of(forking) == [decoder.pid])


async def test_a_decoder_is_killed_whatever_it_does() -> None:
    with Decoders() as decoders:
        async with decoders.start() as decoder:
            os.kill(decoder.pid, signal.SIGSTOP)

        assert not is_alive(decoder.pid)


async def test_what_forks_them_may_hang_without_keeping_anybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Decoders() as decoders:
        async with decoders.start() as decoder:
            os.kill(parent_of(decoder.pid), signal.SIGSTOP)
            monkeypatch.setattr("scribewire.sources.decoders._FIRST_S", 0.05)
            with pytest.raises(SourceFault, match="crashed"):
                await hear(decoders)
        monkeypatch.undo()

        assert await hear(decoders) == PCM


@pytest.mark.parametrize("niceness", [0, 10])
def test_they_start_however_much_the_server_gives_way(niceness: int) -> None:
    program = f"""
import asyncio, os
os.nice({niceness})
from scribewire.audio.sandbox import isolate
from scribewire.sources.decoders import Decoders
isolate()  # root too has no privileges from here on
async def start():
    with Decoders() as decoders:
        async with decoders.start() as decoder:
            print(os.getpriority(os.PRIO_PROCESS, decoder.pid))
asyncio.run(start())
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )

    assert told.stdout.strip() == str(max(niceness, NICENESS)), told.stderr
