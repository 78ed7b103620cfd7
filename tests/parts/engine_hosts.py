"""An engine process inside a test: its host on scripted engines, at a socket with a short name."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import SpeechEngine, Voices
from scribewire.recognition.requests import Request
from scribewire.runtime.scheduler import Scheduler
from scribewire.runtime.shared_engine.host import EngineHost
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.runtime.shared_engine.offer import describe_models
from scribewire.runtime.shared_engine.place import listen_at
from scribewire.runtime.workers import Outcome
from scribewire.testing.scripted import ScriptedVad, ScriptedVoices


@contextmanager
def socket_path() -> Iterator[Path]:
    """Give a path of a socket that fits into what a system takes."""
    with tempfile.TemporaryDirectory(prefix="se-") as folder:
        yield Path(folder) / "own" / "socket"


def scripted(engine: SpeechEngine) -> Engines:
    """Return engines of which one turns speech into text."""
    voices = ScriptedVoices()
    return Engines(ScriptedVad(), (engine,), Voices(voices, voices))


@contextmanager
def run_host(
    engine: SpeechEngine, path: Path, *, count: int = 1, max_call_s: float = 30.0
) -> Iterator[EngineHost]:
    """Serve an engine at `path`."""
    host = EngineHost(
        scripted(engine), listen_at(path), count=count, voices="letters", max_call_s=max_call_s
    )
    host.start()
    try:
        yield host
    finally:
        host.close()


@contextmanager
def linked(
    engine: SpeechEngine, path: Path, *, patience_s: float = 35.0, return_patience_s: float = 60.0
) -> Iterator[EngineLink]:
    """Connect as a server that knows this engine."""
    link = EngineLink(
        path, patience_s=patience_s, retry_s=0.01, return_patience_s=return_patience_s
    )
    link.connect(describe_models((engine,)))
    try:
        yield link
    finally:
        link.close()


def ask(scheduler: Scheduler, engine: SpeechEngine, request: Request) -> asyncio.Future[Outcome]:
    """Have a stream of its own ask for something."""
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    lane = scheduler.open_lane(lambda _request, outcome: answer.set_result(outcome), speech=engine)
    scheduler.submit(lane, request, due_at=time.monotonic())
    return answer


def wait_for(is_so: object, *, patience_s: float = 20.0) -> None:
    """Wait until a function says so."""
    assert callable(is_so)
    give_up_at = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < give_up_at, "it has not come about"
        time.sleep(0.005)  # a state of another thread, which tells nobody
