"""What one call of `transcribe` asks for, and how each of its sources is opened.

A source is opened before anything is loaded, so that one that is not there fails at once. What is
loaded stays for the sources after it.
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import Given, read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from scribewire.cli.audio_sources import AudioSource
    from scribewire.cli.captions import TranscriptFormat
    from scribewire.cli.stream_urls import OpenedStream
    from scribewire.engines.engines import Engines
    from scribewire.settings import Settings
    from scribewire.types import Pace
    from scribewire.wishes import Wishes

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ALMOST_URL = re.compile(r"(https?:/*)?[a-z0-9.-]+\.[a-z]{2,}(:[0-9]+)?/|https?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that one call of the command asks for."""

    sources: tuple[str, ...]
    outputs: tuple[Path | None, ...]
    """The file of each source's transcript; None: standard output."""
    server: str | None
    key: str
    pace: Pace
    track: int | None
    """The audio track that is heard, where one is chosen."""
    kind: TranscriptFormat
    times: bool
    """Whether text says when each line begins."""
    partials: bool
    """Whether messages of partials are written."""
    wishes: Wishes
    """Those for every source."""
    settings: Given
    """Of this process, where options give them."""


def is_url(source: str) -> bool:
    """Tell whether a source is to be pulled."""
    return _URL.match(source) is not None


class Inputs:
    """Opens sources, each with who hears it; use it as a context, which ends what was loaded."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._engines: Engines | None = None
        # What the client warns of, it raises too, and that is told once.
        logging.getLogger("scribewire.client").setLevel(logging.ERROR)

    def __enter__(self) -> Self:
        """Begin; nothing is loaded yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of what was loaded."""
        if self._engines is not None:
            self._engines.close()

    @asynccontextmanager
    async def open(self, name: str, wishes: Wishes) -> AsyncIterator[OpenedStream]:
        """Open one source. Raises CommandFault or a ScribewireError."""
        if is_url(name):
            wishes = replace(wishes, url=name, pace=self._order.pace, track=self._order.track)
        async with AsyncExitStack() as stack:
            yield await self._open(name, wishes, stack)

    async def _open(self, name: str, wishes: Wishes, stack: AsyncExitStack) -> OpenedStream:
        from scribewire.cli.stream_urls import OpenedStream, pulling_there
        from scribewire.cli.transcribers import transcribing_here, transcribing_there

        server, key = self._order.server, self._order.key
        if server is None:
            settings = read_settings(self._order.settings)
            source = await self._open_source(name, wishes, settings, stack)
            engines = self._load(settings)
            here = transcribing_here(wishes, engines, settings)
            return OpenedStream(source, await stack.enter_async_context(here))
        if wishes.url is not None:
            there = pulling_there(wishes, server=server, key=key)
            return await stack.enter_async_context(there)
        source = await self._open_input(name, wishes, stack)
        pushing = transcribing_there(wishes, server=server, key=key)
        return OpenedStream(source, await stack.enter_async_context(pushing))

    def _load(self, settings: Settings) -> Engines:
        from scribewire.engines.loader import configured_engines
        from scribewire.models.cache import ModelCache
        from scribewire.runtime.threads import count_workers

        if self._engines is None:
            cache = ModelCache(directory=settings.cache_dir, on_progress=_tell, on_warning=_tell)
            self._engines = configured_engines(
                settings, cache, threads=count_workers(settings.workers)
            )
        return self._engines

    async def _open_source(
        self, name: str, wishes: Wishes, settings: Settings, stack: AsyncExitStack
    ) -> AudioSource:
        if wishes.url is None:
            return await self._open_input(name, wishes, stack)
        from scribewire.cli.stream_urls import pulling_here

        return await stack.enter_async_context(pulling_here(wishes, settings))

    async def _open_input(self, name: str, wishes: Wishes, stack: AsyncExitStack) -> AudioSource:
        from scribewire.audio.container import TrackWish
        from scribewire.cli.local_media import opening_file, opening_pipe
        from scribewire.cli.microphone import open_microphone

        if name == "mic":
            return open_microphone()
        wish = TrackWish(number=self._order.track, language=wishes.locked_language)
        if name == "-":
            return await stack.enter_async_context(opening_pipe(sys.stdin.fileno(), wish))
        meanwhile = _import_engines if self._order.server is None else None
        opening = opening_file(_check_path(name), wish, self._order.pace, meanwhile=meanwhile)
        return await stack.enter_async_context(opening)


def _import_engines() -> None:
    import scribewire.engines.loader
    import scribewire.recognition.recognizer
    import scribewire.runtime.stream
    import scribewire.runtime.threads  # noqa: F401 - loaded for who uses them next


def _check_path(name: str) -> Path:
    path = Path(name)
    if _ALMOST_URL.match(name) and not path.exists():
        raise CommandFault(
            f"{name}: no such file; a URL begins with http:// or https://", ExitCode.USAGE
        )
    return path


def _tell(text: str) -> None:
    typer.echo(f"scribewire: {text}", err=True)
