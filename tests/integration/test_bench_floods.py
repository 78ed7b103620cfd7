from __future__ import annotations

import asyncio

import pytest

from bench.flooders import Flood, attack_all
from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm

FLOODS = ("pings", "empty fragments", "empty objects", "heads")
PATIENCE_S = 60.0


async def until_each_was_cut(flood: Flood) -> None:
    """Wait until the server has closed a connection of every flood that it can know as one."""
    async with asyncio.timeout(PATIENCE_S):
        while not all(  # noqa: ASYNC110 - a count of what is done elsewhere has no event
            flood.counts[f"{name}: closed by the server"] for name in FLOODS
        ):
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_who_has_a_key_is_served_while_everything_else_is_a_flood(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    flood = Flood(server.address.host, server.address.port)
    attacks = [asyncio.create_task(attack) for attack in attack_all(flood)]
    async with server.dial() as dialogue:
        await dialogue.send('{"action":"start"}', draw_pcm("..hello"))
        await until_each_was_cut(flood)
        await dialogue.send(draw_pcm("...."), '{"action":"stop"}')

        assert await dialogue.until_closed() == 1000
        assert dialogue.finals == ["hello"]
    for attack in attacks:
        attack.cancel()
    await asyncio.gather(*attacks, return_exceptions=True)

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
