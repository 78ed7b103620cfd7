"""Bring an engine process up, for the servers of a machine, and take it down."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import signal
from typing import TYPE_CHECKING, Final

from scribewire.engines.loader import configured_engines
from scribewire.log_line import LogLine
from scribewire.runtime.shared_engine.host import EngineHost
from scribewire.runtime.shared_engine.place import check_path, listen_at
from scribewire.runtime.threads import count_workers
from scribewire.server.run import load_first, log_models, model_cache, prepare_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scribewire.settings import Settings

_OWN_VOICES: Final = "the one inside the dependencies"
_ENDING = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger("scribewire.engines")


def serve_engines(settings: Settings, path: Path, *, on_listening: Callable[[Path], None]) -> None:
    """Serve the models at the socket `path` until SIGINT or SIGTERM.

    Models are loaded before the socket is there. Calls that run then still end. Raises ModelFault
    or ServerFault when it cannot start.
    """
    check_path(path)
    count = count_workers(settings.workers)
    engines = configured_engines(settings, model_cache(settings), threads=count)
    for why in engines.missing:
        _log.info(LogLine("not_served", "= not served: {reason}", reason=why))
    try:
        load_first(engines, settings)
        log_models(engines)
        host = EngineHost(
            engines,
            listen_at(path),
            count=count,
            window_s=settings.batch_window_ms / 1000,
            voices=voices_name(settings),
        )
        prepare_process()
        host.start()
        on_listening(path)
        asyncio.run(_wait_for_signal())
        _log.info(LogLine("stopping", "= stopping"))
        host.close()
        with contextlib.suppress(OSError):
            path.unlink()
    finally:
        engines.close()


def voices_name(settings: Settings) -> str:
    """Return what tells which model tells voices apart: what one says another cannot compare."""
    if settings.speaker_model is None:
        return _OWN_VOICES
    return hashlib.sha256(settings.speaker_model.read_bytes()).hexdigest()


async def _wait_for_signal() -> None:
    """Wait for the first; a second ends the process at once."""
    loop, has_come = asyncio.get_running_loop(), asyncio.Event()
    for one in _ENDING:
        loop.add_signal_handler(one, has_come.set)
    await has_come.wait()
    for one in _ENDING:
        loop.remove_signal_handler(one)
        signal.signal(one, signal.SIG_DFL)
