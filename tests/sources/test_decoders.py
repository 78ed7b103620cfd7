from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import numpy as np
import psutil
import pytest

from bench.hostile_media import is_alive
from scribewire.sources.decoder import DecoderProcess
from scribewire.sources.decoders import NICENESS, Decoders
from scribewire.sources.events import SourceAudio
from scribewire.sources.faults import SourceFault
from tests.parts.wav import FOREVER, wav

pytestmark = pytest.mark.slow  # each case starts a process that loads FFmpeg

PATIENCE_S = 30.0
PCM = np.random.default_rng(4).integers(-9000, 9000, 16_000, np.int16).astype("<i2").tobytes()


async def hear(decoders: Decoders) -> bytes:
    async with decoders.start() as decoder:
        await decoder.write(wav(PCM, size=FOREVER))
        await decoder.end_input()
        return await rest_of(decoder)


def has_gone(pid: int) -> bool:
    """Tell whether it is at most a zombie, which whoever has inherited it may leave for a while."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


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
            parents = {psutil.Process(decoder.pid).ppid() for decoder in (one, other)}
            niceness = psutil.Process(one.pid).nice()
        assert not is_alive(one.pid)
        assert not is_alive(other.pid)
        (parent,) = parents
        assert psutil.Process(parent).ppid() == os.getpid()

    assert niceness == NICENESS
    assert not is_alive(parent)


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
            parent = psutil.Process(decoder.pid).parent()
            assert parent is not None
            parent.kill()
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
            parent = psutil.Process(decoder.pid).parent()
            assert parent is not None
            await until(lambda: [one.pid for one in parent.children()] == [decoder.pid])


async def test_a_decoder_is_killed_whatever_it_does() -> None:
    with Decoders() as decoders:
        async with decoders.start() as decoder:
            os.kill(decoder.pid, signal.SIGSTOP)

        assert not is_alive(decoder.pid)
