"""A server as a process, with keys of a database and scripted engines, to be killed by a test.

`python -m tests.parts.keyed_server URL` prints its address; SIGTERM ends it as it ends `serve`.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from scribewire.testing.running import run_server


async def _serve(database: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with run_server(keys=(), database=database) as server:
        print(server.address.url, flush=True)  # noqa: T201 - for the test
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
