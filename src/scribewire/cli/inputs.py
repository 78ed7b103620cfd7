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
    """Of what is pulled, where one is chosen."""
    kind: TranscriptFormat
    times: bool
    """Whether text says when each line begins."""
    partials: bool
    """Whether messages of partials are written."""
    wishes: Wishes
    """Those for every source."""
    pulling: Given
    """Settings of pulling in this process, where options give them."""


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
            settings = read_settings(self._order.pulling)
            source = await _open_source(name, self._order.pace, wishes, settings, stack)
            engines = self._load(settings)
            here = transcribing_here(wishes, engines, settings)
            return OpenedStream(source, await stack.enter_async_context(here))
        if wishes.url is not None:
            there = pulling_there(wishes, server=server, key=key)
            return await stack.enter_async_context(there)
        source = _open_input(name, self._order.pace)
        pushing = transcribing_there(wishes, server=server, key=key)
        return OpenedStream(source, await stack.enter_async_context(pushing))

    def _load(self, settings: Settings) -> Engines:
        from scribewire.engines.loader import load_engines
        from scribewire.models.cache import ModelCache

        if self._engines is None:
            cache = ModelCache(directory=settings.cache_dir, on_progress=_tell, on_warning=_tell)
            self._engines = load_engines(
                settings.model_dir, cache, speaker_model=settings.speaker_model
            )
        return self._engines


async def _open_source(
    name: str, pace: Pace, wishes: Wishes, settings: Settings, stack: AsyncExitStack
) -> AudioSource:
    if wishes.url is None:
        return _open_input(name, pace)
    from scribewire.cli.stream_urls import pulling_here

    return await stack.enter_async_context(pulling_here(wishes, settings))


def _open_input(name: str, pace: Pace) -> AudioSource:
    from scribewire.cli.audio_sources import AudioSource, open_file
    from scribewire.cli.microphone import open_microphone
    from scribewire.cli.standard_input import decode_pipe, read_pipe

    if name == "-":
        return AudioSource(decode_pipe(read_pipe(sys.stdin.fileno())))
    if name == "mic":
        return open_microphone()
    path = Path(name)
    if _ALMOST_URL.match(name) and not path.exists():
        raise CommandFault(
            f"{name}: no such file; a URL begins with http:// or https://", ExitCode.USAGE
        )
    return open_file(path, pace)


def _tell(text: str) -> None:
    typer.echo(f"scribewire: {text}", err=True)
