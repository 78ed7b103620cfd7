"""Servers of a cluster in one event loop, and what tests have them hear."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.integration.test_resume import (
    ASKING,
    PATIENCE_S,
    PIECE_BYTES,
    SAID,
    STOP,
    cut,
    finals_of,
    listened,
    until_kept,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.parts.nats_server import NatsServer

WHOLE = draw_pcm(SAID + "fourth one" + "." * 30)
"""Four finals, behind 27, 54, 78 and 110 KB of it or so."""


def run_one(
    nats: NatsServer, journal: Path | None = None
) -> AbstractAsyncContextManager[RunningServer]:
    return run_server(cluster=(nats.url,), journal=journal)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)


async def until_finals(client: RawClient, count: int) -> None:
    while len(finals_of(client)) < count:
        await client.next()


async def send_pieces(client: RawClient, data: bytes) -> None:
    for start in range(0, len(data), PIECE_BYTES):
        await client.send(data[start : start + PIECE_BYTES])


async def hear_part(
    server: RunningServer, data: bytes, finals: int
) -> tuple[dict[str, Any], list[str]]:
    """Have a server hear audio until so many finals have come, and keep the session then."""
    kept = server.services.kept.count
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, data)
        await until_finals(client, finals)
        cut(client)
    await until_kept(server, kept + 1)
    return listening, finals_of(client)


async def hear_rest(server: RunningServer, path: str, data: bytes) -> tuple[Any, list[str]]:
    async with server.dial(path) as client:
        listening = await listened(client)
        await client.send(data[listening["received_bytes"] :], STOP)
        assert await client.until_closed() == 1000
    return listening, finals_of(client)


def held(server: RunningServer) -> tuple[int, int, int]:
    """Return how many sessions have a place, are kept, and are carried."""
    services = server.services
    return services.admission.open_sessions, services.kept.count, len(services.attachments)
