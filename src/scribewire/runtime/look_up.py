"""Names to addresses in threads of their own, so that one that hangs delays nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK_UPS = 32
"""At once. The system's resolver cannot be interrupted: a server that does not answer holds one
for up to half a minute, whoever asked for it may have gone."""


class LookUpThreads:
    """Ask the system's resolver, as `scribewire.sources.http.fetcher.LookUp` wants it.

    Each look-up has a daemon thread: those that hang are waited for neither by others nor by the
    end of the process, as those of an executor would be.
    """

    def __init__(self, count: int = LOOK_UPS) -> None:
        self._free = asyncio.Semaphore(count)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host. Raises OSError when there are none."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def ask() -> None:
            found = _ask(host, port)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._tell, answer, found)

        await self._free.acquire()
        try:
            Thread(target=ask, name="look-up", daemon=True).start()
        except BaseException:
            self._free.release()
            raise
        return await answer

    def _tell(self, answer: asyncio.Future[list[str]], found: list[str] | Exception) -> None:
        self._free.release()
        if answer.done():  # whoever asked has gone
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)


def _ask(host: str, port: int) -> list[str] | Exception:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
        return error
    return [str(address[0]) for *_, address in found]
