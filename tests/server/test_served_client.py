from __future__ import annotations

import shutil
from pathlib import Path

from scribewire.server.served_client import speech_for
from scribewire.testing.running import RunningServer, run_server
from scribewire.wishes import Wishes

ASKING = "/v2/realtime?resume=true"


async def test_who_comes_back_shows_its_key_with_the_request(server: RunningServer) -> None:
    back = f"{ASKING}&session={'0' * 32}&epoch={'0' * 8}&finals=0"
    async with server.dial(back) as client:
        await client.send('{"action":"start","key":"key-1"}')
        assert await client.until_closed() == 4410

    assert "its key has to come with the request" in client.errors[0]


async def test_who_comes_back_while_the_journal_cannot_be_read_is_told_to_try_again(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "journal"
    back = f"{ASKING}&token=key-1&session={'0' * 32}&epoch={'0' * 8}&finals=0"
    codes = []
    async with run_server(journal=folder) as server:
        for is_there in (True, False):
            if not is_there:
                shutil.rmtree(folder)
            async with server.dial(back) as client:
                await client.send('{"action":"start"}')
                codes.append(await client.until_closed())

    assert codes == [4410, 1013]


async def test_a_key_in_the_first_message_begins_a_session_to_come_back_to() -> None:
    async with run_server(max_sessions=1) as server, server.dial(ASKING) as client:
        await client.send('{"action":"start","key":"key-1"}')
        assert "epoch" in await client.next()
        async with server.dial(ASKING) as other:  # the place is taken
            await other.send('{"action":"start","key":"key-1"}')
            assert await other.until_closed() == 1013


async def test_wishes_that_cannot_be_granted_count_for_the_default(server: RunningServer) -> None:
    engines = server.services.engines

    assert speech_for(Wishes(language="xx"), server.services) is engines.speech_for(None, "fast")
