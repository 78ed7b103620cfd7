"""A real server in a process of its own, so that its cost can be told from its clients'.

`python -m scribewire.capacity.server_process` is that process. It prints one line of JSON once the
port is open, answers each line on its standard input with what it has used, and drains and ends
when its input ends: a measurement that dies leaves no server behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from scribewire.capacity.load import Target
from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.errors import ServerFault
from scribewire.models.cache import ModelCache
from scribewire.runtime.memory import held_bytes, peak_bytes
from scribewire.runtime.self_measurement import measure_costs
from scribewire.server.run import load_first, prepare_process, serving
from scribewire.server.scheduling import find_engines
from scribewire.settings import Settings

ADMIT_ALL: Final = {"SCRIBEWIRE_MAX_FINAL_LATENCY_MS": "0"}
"""Setting of a server that refuses nobody: what lies beyond capacity is what a load looks for."""

END_PATIENCE_S = 40.0  # it drains for 30 s at most, unless told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used since it started."""

    cpu_s: float
    engine_cpu_s: float
    """Of that, what was spent inside onnxruntime's calls."""
    rss_bytes: int
    """Memory it holds now; where the system does not tell, the most it has held."""
    peak_rss_bytes: int
    """The most it has held."""


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server, as seen from the process that measures it."""

    url: str
    """ws://host:port, without a path."""
    key: str = field(repr=False)
    """The only one it accepts."""
    process: Process = field(repr=False)

    @property
    def target(self) -> Target:
        """The server with what a session asks for when nobody says otherwise."""
        return Target(url=self.url, key=self.key)

    async def usage(self) -> Usage:
        """Ask the server what it has used."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        answer = await _read_line(self.process)
        return Usage(
            cpu_s=float(answer["cpu_s"]),
            engine_cpu_s=float(answer["engine_cpu_s"]),
            rss_bytes=int(answer["rss_bytes"]),
            peak_rss_bytes=int(answer["peak_rss_bytes"]),
        )

    async def cpu_s(self) -> float:
        """Return the processor time that the server has used since it started."""
        return (await self.usage()).cpu_s


@contextlib.asynccontextmanager
async def run_server_process(
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[ServerProcess]:
    """Run a server for as long as the context is open; `environment` sets its options.

    Raises ServerFault when it does not come up; its own words are on stderr.
    """
    key = secrets.token_urlsafe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire.capacity.server_process"),
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,  # else Ctrl-C at our terminal would reach it before we do
        env={**os.environ, **(environment or {}), "SCRIBEWIRE_KEYS": key, "SCRIBEWIRE_PORT": "0"},
    )
    assert process.stdin is not None
    try:
        url = str((await _read_line(process))["url"])
        yield ServerProcess(url, key, process)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _read_line(process: Process) -> dict[str, str | float]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise ServerFault("the server has ended; its reason is above")
    answer: dict[str, str | float] = json.loads(line)
    return answer


# The server's side.


class EngineMeter:
    """Sums the thread time of every onnxruntime call of this process from now on."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self._lock = threading.Lock()
        run = OnnxSession.run

        def metered(
            session: OnnxSession, wanted: Sequence[str], feeds: Mapping[str, Tensor]
        ) -> list[Tensor]:
            began_at = time.thread_time()
            try:
                return run(session, wanted, feeds)
            finally:
                with self._lock:
                    self.cpu_s += time.thread_time() - began_at

        # This process only measures: the product is not slowed down by it.
        OnnxSession.run = metered  # type: ignore[method-assign,assignment]


def own_usage(engine_cpu_s: float) -> Usage:
    """Return what the present process has used."""
    return Usage(
        cpu_s=time.process_time(),
        engine_cpu_s=engine_cpu_s,
        rss_bytes=held_bytes(),
        peak_rss_bytes=peak_bytes(),
    )


async def _serve_until_input_ends() -> None:
    settings = Settings.model_validate({})
    meter = EngineMeter()
    cache = ModelCache(directory=settings.cache_dir)
    engines = find_engines(settings, cache)
    load_first(engines, settings)
    prepare_process()
    questions = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(questions), sys.stdin
    )
    costs = measure_costs(engines)
    async with serving(settings, engines, costs) as (address, _):
        _answer({"url": address.url})
        while await questions.readline():
            _answer(asdict(own_usage(meter.cpu_s)))
    engines.close()


def _answer(answer: Mapping[str, str | float]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve_until_input_ends())
