"""Both clients while the server loads a model for longer than they wait for a word of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scribewire.client import Message, blocking, connect

if TYPE_CHECKING:
    from tests.client.conftest import Peers


@pytest.mark.slow
async def test_a_server_that_says_that_it_is_loading_is_waited_for(peers: Peers) -> None:
    async with (
        peers.playing(peers.Loading(times=3, every_s=0.2)) as url,
        connect(url, key="key-1", timeout_s=0.5) as client,
    ):
        await client.stop()

        assert [message async for message in client] == []


@pytest.mark.slow
async def test_the_blocking_client_waits_for_it_too(peers: Peers) -> None:
    def program(url: str) -> list[Message]:
        with blocking.connect(url, key="key-1", timeout_s=0.5) as client:
            client.stop()
            return list(client)

    async with peers.playing(peers.Loading(times=3, every_s=0.2)) as url:
        assert await asyncio.to_thread(program, url) == []
