"""Keeps the server processes that share a port: starts them, starts again what dies, ends them.

Theory of operation. It serves nobody itself. The first process is started alone: it makes what is
made of model files once, and says what is wrong if no server can be. From the announcement on, one
that dies is started again. They end when this process does, since the pipe over which they are told
so ends with it. Signals are counted here alone; the others are in sessions of their own, so that
Ctrl-C at a terminal reaches them once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING, Final

from scribewire.cli.exits import ExitCode
from scribewire.cli.one_process import DRAINED, LISTENING, ProcessPart
from scribewire.cluster.restarts import Restarts
from scribewire.log_line import LogLine
from scribewire.server.ending import ENDING_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scribewire.server.ending import EndingOrder
    from scribewire.server.siblings import Board

_STARTED: Final = "= server process {number} is started, pid {pid}"
_ENDED: Final = "! server process {number} has ended with {code}: started again in {pause_s:g} s"
_KILLING_SIGNAL: Final = 3  # the third: somebody does not want to wait for anything

_log = logging.getLogger("scribewire.server")


class Supervisor:
    """Keeps one process for each part; `command` starts one."""

    def __init__(self, parts: Sequence[ProcessPart], board: Board, command: Sequence[str]) -> None:
        self._parts, self._board, self._command = parts, board, command
        self._processes: dict[int, Process] = {}
        self._keeping: list[asyncio.Task[None]] = []
        self._listen = [asyncio.Event() for _ in parts]
        self._order: EndingOrder | None = None
        self._is_ending = asyncio.Event()
        self._is_announced = False
        self._signals: list[signal.Signals] = []
        self._failure: int | None = None  # the exit code of one that could not be started

    async def run(self, announce: Callable[[], None]) -> int:
        """Keep them until a signal or an operator ends them; return the exit code.

        `announce` is called once all of them listen; what it raises ends them.
        """
        loop = asyncio.get_running_loop()
        for one in ENDING_SIGNALS:
            loop.add_signal_handler(one, self._receive_signal, one)
        try:
            await self._start_all()
            if not self._is_ending.is_set():
                announce()
                self._is_announced = True
        except BaseException:
            self._end("hurry")
            raise
        finally:
            await asyncio.gather(*self._keeping)
        return self._exit_code()

    async def _start_all(self) -> None:
        """Start the first, and once it listens the others."""
        for parts in (self._parts[:1], self._parts[1:]):
            self._keeping += [asyncio.create_task(self._keep(part)) for part in parts]
            for part in parts:
                await self._until_listening(part.number)

    async def _until_listening(self, number: int) -> None:
        """Wait until a process listens, or all of them have to end."""
        both = [asyncio.create_task(one.wait()) for one in (self._listen[number], self._is_ending)]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.cancel()

    async def _keep(self, part: ProcessPart) -> None:
        """Have a process for a part, one after the other, until all have to end."""
        restarts = Restarts(asyncio.get_running_loop().time)
        while not self._is_ending.is_set():
            restarts.note_start()
            code = await self._run(part)
            if self._is_ending.is_set():
                return
            if not self._is_announced:
                self._failure = code
                self._end("hurry")
                return
            number, pause_s = part.number + 1, restarts.pause_s()
            line = LogLine("process_ended", _ENDED, number=number, code=code, pause_s=pause_s)
            _log.warning(line)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._is_ending.wait()

    async def _run(self, part: ProcessPart) -> int:
        """Run one process to its end; return how it ended."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=(part.listening, part.board),
                start_new_session=True,
            )
        except OSError as error:  # no memory, no process left
            words = "! a server process cannot be started: {reason}"
            _log.error(LogLine("process_not_started", words, reason=error.strerror))
            return ExitCode.FAILED
        self._listen[part.number].clear()
        number, pid = part.number + 1, process.pid
        _log.info(LogLine("process_started", _STARTED, number=number, pid=pid))
        self._processes[part.number] = process
        _write(process, part.written())
        if self._order is not None:
            self._give(self._order, process, part.number)
        try:
            await self._listen_to(process, part.number)
            return await process.wait()
        finally:
            del self._processes[part.number]
            self._board.clear(part.number)

    async def _listen_to(self, process: Process, number: int) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            match line.decode("utf-8", "replace").strip():
                case word if word == LISTENING:
                    self._listen[number].set()
                case word if word == DRAINED:
                    self._end("drain")

    def _receive_signal(self, number: signal.Signals) -> None:
        self._signals.append(number)
        if len(self._signals) >= _KILLING_SIGNAL:
            for process in self._processes.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        elif len(self._signals) > 1:
            self._end("cut off")
        else:
            self._end("drain" if number is signal.SIGTERM else "hurry")

    def _end(self, order: EndingOrder) -> None:
        self._order = order
        self._is_ending.set()
        for number, process in self._processes.items():
            self._give(order, process, number)

    def _give(self, order: EndingOrder, process: Process, number: int) -> None:
        _write(process, f"{order}\n".encode())
        if not self._listen[number].is_set():  # it hears orders once it has started
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)

    def _exit_code(self) -> int:
        if len(self._signals) > 1:
            return 128 + self._signals[1]
        if self._failure is None:
            return ExitCode.DONE
        return self._failure if self._failure > 0 else ExitCode.FAILED


def _write(process: Process, line: bytes) -> None:
    """Tell a process something, if it is still there."""
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError, RuntimeError):
        process.stdin.write(line)
