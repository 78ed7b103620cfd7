"""A listener on loopback whose connections end with it, whatever they are at.

async with run_listener(serve) as port:
    ...

`asyncio.start_server` alone leaves those that are open, and one that was accepted in the last
moment is never closed: a test that comes much later is then blamed for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable


_ACCEPT_TURNS: Final = 6
"""Of the loop, which asyncio needs to hand over what it has accepted."""


@contextlib.asynccontextmanager
async def run_listener(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve each connection for as long as the context is open; give the port, a free one if 0.

    A connection is closed when it has been served, and dropped where the listener ends before.
    """
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
        with contextlib.suppress(ConnectionError):
            await asyncio.shield(writer.wait_closed())  # its client has taken all by then

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve_one(reader, writer))
        connections[task] = writer
        task.add_done_callback(connections.pop)

    listener = await asyncio.start_server(accept, host, port, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        await _stop_accepting(listener)
        served = dict(connections)
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        for writer in served.values():
            writer.transport.abort()  # though its client takes nothing any more
        await listener.wait_closed()


async def _stop_accepting(listener: asyncio.Server) -> None:
    """Close it; what was accepted has been handed over before.

    Python 3.11 forgets what it has accepted when the listener is closed in that moment.
    """
    for listening in listener.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(_ACCEPT_TURNS):
        await asyncio.sleep(0)
    listener.close()
