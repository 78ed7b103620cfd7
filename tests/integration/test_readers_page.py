"""What the documentation says about reading along is done as it stands there."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from scribewire.testing.running import RunningServer
from tests.integration.test_readers import PIECES, say
from tests.integration.test_resume import STOP, listened
from tests.parts.installed import need_part

PAGE = (Path(__file__).parents[2] / "protocol/protocol.md").read_text()


async def test_its_command_reads_a_session_to_its_end(server: RunningServer) -> None:
    need_part("curl")
    command = re.search(r"^    (curl .*/events.*)$", PAGE, re.MULTILINE)
    assert command is not None
    written = command[1].replace(":8000", f":{server.address.port}")
    async with server.dial() as client:
        session_id = (await listened(client))["session_id"]
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", written),
            env={**os.environ, "SESSION": session_id, "KEY": "key-1", "no_proxy": "127.0.0.1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        assert await process.stdout.readuntil(b"\n\n") == b"retry: 2000\n\n"
        await say(client, PIECES[0])
        told = (await process.stdout.readuntil(b"event: final\n")).decode()
        told += (await process.stdout.readuntil(b"\n\n")).decode()
        await client.send(STOP)
        told += (await process.stdout.read()).decode()

    assert await process.wait() == 0
    assert 'event: final\nid: 1\ndata: {"text":"hello","is_final":true,' in told
    assert told.endswith('event: end\ndata: {"outcome":"complete"}\n\n')
    for line in ("retry: 2000\n", 'event: end\ndata: {"outcome":"complete"}\n'):
        assert line in PAGE
