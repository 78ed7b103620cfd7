from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from scribewire.testing.running import KEYS, run_server
from scribewire.testing.scripted import draw_pcm


async def test_a_dialogue_with_a_running_server() -> None:
    async with (
        run_server(start_timeout_ms=200) as server,
        server.dial(f"/realtime?token={KEYS[1]}") as dialogue,
    ):
        await dialogue.send('{"action":"start"}', '{"action":"?"}', draw_pcm("..abcd"))
        first = await dialogue.next()
        await dialogue.send('{"action":"stop"}')
        code = await dialogue.until_closed()

        with pytest.raises(ConnectionClosed):
            await dialogue.next()

    assert first["state"] == "listening"
    assert code == 1000
    assert len(dialogue.messages) == 4
    assert len(dialogue.errors) == 1
    assert server.services.settings.start_timeout_ms == 200
