"""A NATS of its own for the server processes of one machine: a child program on loopback.

Theory of operation. Whoever starts the processes starts it, with a configuration that only they can
read and a secret in it that only they are told. What it stores lies beside that and goes with it:
it is for what outlives a process, not the machine. When it dies it is started again with what it
had stored, at the same port, and the processes connect again by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scribewire.audio.sandbox import die_with
from scribewire.cluster.restarts import Restarts
from scribewire.errors import ServerFault
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAM: Final = "nats-server"

_START_PATIENCE_S: Final = 20.0
END_PATIENCE_S: Final = 5.0
"""With NATS, once the servers have ended; then it is killed."""
_ANSWER_S: Final = 1.0
_LOOK_S: Final = 0.05
_PORTS: Final = range(20_000, 32_000)  # Linux connects from 32,768 on, others from 49,152
_TOLD_CHARACTERS: Final = 300  # of what it said last

_CONFIGURATION = """\
server_name: scribewire
listen: "127.0.0.1:{port}"
authorization {{ token: "{token}" }}
jetstream {{ store_dir: "{store}" }}
log_file: "{log}"
log_size_limit: 1000000
"""
_MISSING = (
    f"--processes needs the program {PROGRAM}, which is not installed: pip install "
    "'scribewire[cluster]', put one on the PATH, or name a NATS that runs with --cluster"
)
_ENDED = "! NATS has ended with {code}: started again in {pause_s:g} s"

_log = logging.getLogger("scribewire.cluster")


def find_program() -> str:
    """Return where NATS's server is: beside our Python or on the PATH. Raises ServerFault."""
    beside = shutil.which(PROGRAM, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(PROGRAM)
    if found is None:
        raise ServerFault(_MISSING)
    return found


@contextlib.asynccontextmanager
async def running_nats() -> AsyncIterator[EmbeddedNats]:
    """Run one for as long as the context is open. Raises ServerFault where it cannot be."""
    program = find_program()
    with tempfile.TemporaryDirectory(prefix="scribewire-nats-") as folder:  # for its owner alone
        nats = EmbeddedNats(program, Path(folder), _find_port(), secrets.token_urlsafe(32))
        try:
            await nats.start()
            keeping = asyncio.create_task(nats.keep())
            try:
                yield nats
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        finally:
            await nats.end()


@dataclass
class EmbeddedNats:
    """The program, and where it is."""

    program: str
    folder: Path
    port: int
    token: str = field(repr=False)
    _process: Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """What leads there, with its secret."""
        return f"nats://{self.token}@127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers. Raises ServerFault with its words."""
        configuration = self._configure()
        self._process = await asyncio.create_subprocess_exec(
            *(self.program, "-c", str(configuration)),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,  # Ctrl-C is for whoever started us, who ends it last
            preexec_fn=partial(die_with, os.getpid()),
        )
        try:
            async with asyncio.timeout(_START_PATIENCE_S):
                await self._until_it_answers(self._process)
        except TimeoutError:
            _signal(self._process, signal.SIGKILL)
            await self._process.wait()
            raise ServerFault(f"{PROGRAM} does not answer: {self._said()}") from None

    async def _until_it_answers(self, process: Process) -> None:
        while not await self._answers():
            if process.returncode is not None:
                raise ServerFault(f"{PROGRAM} has ended: {self._said()}")
            await asyncio.sleep(_LOOK_S)

    async def keep(self) -> None:
        """Start it again whenever it has died, until this is cancelled."""
        restarts = Restarts(asyncio.get_running_loop().time)
        while True:
            assert self._process is not None
            await self._process.wait()
            code, pause_s = self._process.returncode, restarts.pause_s()
            _log.warning(LogLine("nats_ended", _ENDED, code=code, pause_s=pause_s))
            await asyncio.sleep(pause_s)
            restarts.note_start()
            try:
                await self.start()
            except (ServerFault, OSError) as fault:  # a full disk, no process left
                _log.warning(LogLine("nats_not_started", "! {reason}", reason=str(fault)))

    async def end(self) -> None:
        """End it."""
        if self._process is None or self._process.returncode is not None:
            return
        _signal(self._process, signal.SIGTERM)
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                await self._process.wait()
        except TimeoutError:
            _signal(self._process, signal.SIGKILL)
            await self._process.wait()

    def _configure(self) -> Path:
        path = self.folder / "nats.conf"
        text = _CONFIGURATION.format(
            port=self.port, token=self.token, store=self.folder / "store", log=self._log_file
        )
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        return path

    @property
    def _log_file(self) -> Path:
        return self.folder / "nats.log"

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    return (await reader.readline()).startswith(b"INFO ")
            finally:
                writer.close()
        return False

    def _said(self) -> str:
        try:
            return self._log_file.read_text("utf-8", "replace").strip()[-_TOLD_CHARACTERS:]
        except OSError:
            return "it has said nothing"


def _find_port() -> int:
    """Return a port of loopback that is free now, and stays so while it is started again.

    It is none of those that systems give to outgoing connections.
    """
    while True:
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
