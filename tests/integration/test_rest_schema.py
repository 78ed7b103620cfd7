"""Every HTTP route does what the OpenAPI document says, whatever is sent: Schemathesis tries."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from scribewire.grants import Grant
from scribewire.testing.running import run_server

SCHEMATHESIS = Path(sys.executable).with_name("st")
DRAIN = "/v1/admin/drain"
EXAMPLES = 3  # of each route, besides the edges of what it takes, which are all tried


@pytest.mark.slow
async def test_the_routes_keep_to_their_document(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    # It tries many wrong keys, and asks for 401.
    async with run_server(max_wrong_keys=10_000, database=database) as server:
        admin = Grant(name="operator", is_admin=True)
        made = await server.services.keys.call(
            lambda books: books.store.create(admin, now=time.time())
        )
        # In this order: a server that drains refuses much of the rest.
        for which in (("--exclude-path", DRAIN), ("--include-path", DRAIN)):
            process = await asyncio.create_subprocess_exec(
                SCHEMATHESIS,
                *("run", f"http://127.0.0.1:{server.address.port}/openapi.json", *which),
                *("--header", f"Authorization: Bearer {made.key}"),
                *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
                cwd=tmp_path,  # it keeps what it found
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
            assert process.returncode == 0, output.decode()
            assert b"ST" not in output
        assert server.services.draining.has_begun.is_set()
