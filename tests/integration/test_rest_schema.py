"""Every HTTP route does what the OpenAPI document says, whatever is sent: Schemathesis tries."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from scribewire.testing.running import run_server

SCHEMATHESIS = Path(sys.executable).with_name("st")
EXAMPLES = 5  # of each route, besides the edges of what it takes, which are all tried


@pytest.mark.slow
async def test_the_routes_keep_to_their_document(tmp_path: Path) -> None:
    async with run_server(max_wrong_keys=10_000) as server:  # it tries many, and asks for 401
        process = await asyncio.create_subprocess_exec(
            SCHEMATHESIS,
            *("run", f"http://127.0.0.1:{server.address.port}/openapi.json"),
            *("--header", "Authorization: Bearer key-1"),
            *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
            cwd=tmp_path,  # it keeps what it found
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    assert b"ST" not in output
