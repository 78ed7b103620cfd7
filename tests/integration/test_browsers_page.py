"""What docs/browsers.md has to copy does what the page says."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from scribewire.testing.running import RunningServer, run_server
from tests.parts.installed import need_part

PAGE = (Path(__file__).parents[2] / "docs/browsers.md").read_text("utf-8")
ORIGIN = "https://captions.example"


async def run(server: RunningServer, *command: str) -> str:
    """Run a program of the page, which is told of the server's port, and return what it prints."""
    here = [part.replace(":8000", f":{server.address.port}") for part in command]
    process = await asyncio.create_subprocess_exec(
        *here,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "SCRIBEWIRE_KEY": "key-1", "KEY": "key-1"},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()


async def serve_page(server: RunningServer, token: str) -> int:
    """Use a token as the page's script does, and return how that ended."""
    async with server.dial("/v2/realtime", {"Origin": ORIGIN}, offers=["token", token]) as page:
        await page.send('{"action":"start"}', '{"action":"stop"}')
        return await page.until_closed()


@pytest.mark.slow
async def test_the_program_of_the_page_makes_a_token() -> None:
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert program is not None
    # Its token is for Dutch, which this server does not have.
    source = program[1].replace('["nl"]', '["en"]') + "\nprint(make_token())\n"
    async with run_server(allow_origin=(ORIGIN,)) as server:
        token = await run(server, sys.executable, "-c", source)

        assert await serve_page(server, token) == 1000


async def test_so_does_its_command() -> None:
    need_part("curl")
    command = re.search(r"^    (curl .*)$", PAGE, re.MULTILINE)
    assert command is not None
    async with run_server(allow_origin=(ORIGIN,)) as server:
        made = json.loads(await run(server, "sh", "-c", command[1]))

        assert await serve_page(server, made["token"]) == 1000
