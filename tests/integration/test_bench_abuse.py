from __future__ import annotations

import asyncio

import pytest

from bench.abusers import Abuse, attack_all
from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm

PATIENCE_S = 30.0
TOLD = (
    "wrong keys: HTTP 401",
    "wrong keys: HTTP 429",
    "oversized: closed with 1009",
    "deflate bombs: closed with 1002",
    "connects: connected",
)


@pytest.mark.slow
async def test_every_abuse_is_answered_and_a_session_beside_it_is_served(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    it = Abuse(server.address.host, server.address.port, key="key-1")
    attacks = [asyncio.create_task(attack) for attack in attack_all(it, 0.03)]
    async with server.dial() as dialogue, asyncio.timeout(PATIENCE_S):
        await dialogue.send('{"action":"start"}', draw_pcm("..hello"))
        while not all(it.counts[name] for name in TOLD):  # noqa: ASYNC110 - counted elsewhere
            await asyncio.sleep(0.02)
        await dialogue.send(draw_pcm("...."), '{"action":"stop"}')

        assert await dialogue.until_closed() == 1000
        assert dialogue.finals == ["hello"]
    for attack in attacks:
        attack.cancel()
    await asyncio.gather(*attacks, return_exceptions=True)

    assert it.counts["deflate bombs: agreed on"] == 0
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
