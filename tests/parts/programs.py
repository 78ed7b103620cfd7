"""Programs that run beside a test: started, waited for, and ended by their own process id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

START_PATIENCE_S = 20.0  # on a machine that runs the other tests too
END_PATIENCE_S = 10.0
_POLL_S = 0.05
_SERVER_PORTS = range(20_000, 32_000)  # Linux connects from 32,768 on, others from 49,152
_TOLD_CHARACTERS = 2000  # of what a program said last


class Program:
    """A program that was started. It writes to `log`; `end` it, whatever happens."""

    def __init__(self, process: Process, name: str, log: Path) -> None:
        self._process = process
        self.name = name
        self._log = log

    @classmethod
    async def start(
        cls, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> Program:
        """Run `command`, a path and its arguments."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the test, which ends it
            )
        return cls(process, command[0], log)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has gone, by itself or because it was ended."""
        return self._process.returncode is not None

    @property
    def has_crashed(self) -> bool:
        """Whether a signal has ended it."""
        return (self._process.returncode or 0) < 0

    def said(self) -> str:
        """Return what it has written last."""
        return self._log.read_text("utf-8", "replace").strip()[-_TOLD_CHARACTERS:]

    async def wait_until(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it does what it is for. Raises ServerFault with its words if it does not."""

        async def is_over() -> bool:
            if self.has_ended:
                raise ServerFault(f"{self.name} has ended: {self.said()}")
            return await is_ready()

        await wait_until(is_over, what=lambda: f"{self.name} is not ready: {self.said()}")

    async def end(self) -> None:
        """Ask it to end, and make it end if it does not."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it on the spot, as a crash would."""
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # Not `Process.send_signal`: up to Python 3.12 it may take the exit status that asyncio
        # waits for.
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


async def wait_until(
    is_so: Callable[[], Awaitable[bool]],
    *,
    what: Callable[[], str],
    patience_s: float = START_PATIENCE_S,
) -> None:
    """Ask again and again until it is so. Raises ServerFault with `what` when it takes too long."""
    try:
        async with asyncio.timeout(patience_s):
            while not await is_so():  # noqa: ASYNC110 - another process cannot set an Event
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise ServerFault(what()) from None


def find_free_port() -> int:
    """Return a port of loopback that nobody listens on.

    It is none of those that systems give to outgoing connections, or one of these might take it
    before a program does, or while one is restarted.
    """
    while True:
        port = random.choice(_SERVER_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
