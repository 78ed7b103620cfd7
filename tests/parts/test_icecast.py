from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.types import SAMPLE_RATE
from tests.parts.icecast import Icecast, run_icecast
from tests.parts.installed import need_part
from tests.parts.media import make_file

# Noise: silence would be sent in so few bytes that nothing comes for seconds.
NOISE = np.random.default_rng(1).integers(-9000, 9000, 3 * SAMPLE_RATE).astype("<i2").tobytes()

HASTE = 8.0  # as fast as it is played: nothing here depends on the time


@pytest.fixture
async def icecast(tmp_path: Path) -> AsyncIterator[Icecast]:
    need_part("ffmpeg", "icecast2")
    async with run_icecast(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def listen(icecast: Icecast, mount: str) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """Give the head of the answer, and the rest to read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", icecast.port)
    writer.write(f"GET {mount} HTTP/1.0\r\nIcy-MetaData: 1\r\n\r\n".encode())
    try:
        yield (await reader.readuntil(b"\r\n\r\n")).decode().lower(), reader
    finally:
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "content_type", "mark"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("aac", "audio/aac", b"\xff"),
        ("ogg", "application/ogg", b"OggS"),
        ("opus", "application/ogg", b"OggS"),
    ],
)
async def test_a_file_is_on_the_air(
    icecast: Icecast, tmp_path: Path, kind: str, content_type: str, mark: bytes
) -> None:
    await icecast.feed(make_file(tmp_path, NOISE, kind), "/live", speed=HASTE)

    async with listen(icecast, "/live") as (head, reader):
        assert " 200 " in head
        assert f"content-type: {content_type}" in head
        assert mark in await reader.readexactly(100)
        assert await icecast.listeners("/live") == 1


@pytest.mark.slow
async def test_a_title_comes_between_the_audio(icecast: Icecast, tmp_path: Path) -> None:
    await icecast.feed(make_file(tmp_path, NOISE, "mp3"), "/live.mp3", speed=HASTE)
    await icecast.set_title("/live.mp3", "What is said & played")

    async with listen(icecast, "/live.mp3") as (head, reader):
        assert "icy-metaint:16000" in head
        title = b""
        while b"said" not in title:  # a listener may come before the title does
            await reader.readexactly(16_000)
            title = await reader.readexactly(16 * (await reader.readexactly(1))[0])
        assert b"StreamTitle='What is said & played';" in title

    with pytest.raises(ServerFault, match="did not take the title"):
        await icecast.set_title("/other.mp3", "x")


@pytest.mark.slow
async def test_it_comes_back_on_the_same_port_with_all_that_fed_it(
    icecast: Icecast, tmp_path: Path
) -> None:
    await icecast.feed(make_file(tmp_path, NOISE, "mp3"), "/live.mp3", speed=HASTE)
    url = icecast.url("/live.mp3")
    async with listen(icecast, "/live.mp3") as (_, reader):
        await icecast.restart()
        await reader.read()  # it has an end

    assert icecast.url("/live.mp3") == url
    async with listen(icecast, "/live.mp3") as (head, _):
        assert " 200 " in head
    await icecast.stop_feed("/live.mp3")
    async with listen(icecast, "/live.mp3") as (head, _):
        assert " 404 " in head


@pytest.mark.slow
async def test_a_feed_that_cannot_be_read_is_told(icecast: Icecast, tmp_path: Path) -> None:
    with pytest.raises(ServerFault, match="No such file"):
        await icecast.feed(tmp_path / "nothing.mp3", "/live.mp3")
