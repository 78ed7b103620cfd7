"""A stream URL to be transcribed: pulled by this process, or by a server.

Here the audio is fetched and fed as that of a file is. A server fetches by itself: then there is
nothing to feed, and the source has only notes, for as long as the session lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.cli.audio_sources import AudioSource, SourceNote
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.transcribers import opening_session, results_of, tell_of_loss
from scribewire.types import PCM_BYTES_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from scribewire.cli.transcribers import Transcriber
    from scribewire.client import Client, ConnectionState
    from scribewire.protocol.results import ResultMessage
    from scribewire.settings import Settings
    from scribewire.sources.events import SourceEvent, SourceOpened
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.wishes import Wishes

_SILENCE_BYTES = PCM_BYTES_PER_S  # of a gap at once: it may be minutes long


def check_stream_url(text: str) -> HttpUrl:
    """Return a URL that can be asked for, or raise CommandFault; nothing is looked up."""
    from scribewire.sources.faults import SourceFault
    from scribewire.sources.http.urls import check_url

    scheme = text.partition(":")[0].lower()
    if scheme not in ("http", "https"):  # the rest is not quoted: it may hold a password
        raise CommandFault(
            f"{scheme}: URLs cannot be opened: expected http:// or https://; pipe others with "
            f"`ffmpeg -i URL -f s16le -ac 1 -ar 16000 - | scribewire transcribe -`",
            ExitCode.USAGE,
        )
    try:
        return check_url(text)
    except SourceFault as fault:
        raise CommandFault(fault.message, ExitCode.USAGE) from None


# In this process.


@asynccontextmanager
async def pulling_here(wishes: Wishes, settings: Settings) -> AsyncIterator[AudioSource]:
    """Give the audio at their URL, opened. Raises SourceFault when there is none."""
    from scribewire.audio.container import TrackWish
    from scribewire.runtime.look_up import LookUpThreads
    from scribewire.server.pulling import pace_events
    from scribewire.sources.configured import configured_sources
    from scribewire.sources.events import SourceOpened

    assert wishes.url is not None
    url = check_stream_url(wishes.url)
    wish = TrackWish(number=wishes.track, language=wishes.locked_language)
    async with (
        configured_sources(settings, named=url, look_up=LookUpThreads()) as sources,
        contextlib.aclosing(sources.pull(url, wish)) as pulled,
    ):
        events = pace_events(pulled, wishes.pace)
        opened = await anext(events)
        assert isinstance(opened, SourceOpened), "a source is opened before it gives anything"
        yield AudioSource(_read_events(events), _duration_ms(opened))


def _duration_ms(opened: SourceOpened) -> int | None:
    if opened.is_live:  # what its header says of its length was made up
        return None
    return opened.info.duration_ms if opened.duration_s is None else round(1000 * opened.duration_s)


async def _read_events(events: AsyncIterator[SourceEvent]) -> AsyncIterator[bytes | SourceNote]:
    """Yield the audio; what is missed of a lost source is silence, so that times stay true."""
    from scribewire.sources.events import (
        SourceAudio,
        SourceGap,
        SourceLost,
        SourceOpened,
        SourceTrack,
    )

    gap_s = 0.0
    async for event in events:
        match event:
            case SourceAudio(pcm=pcm):
                yield pcm
            case SourceTrack(info=info):
                yield SourceNote(f"silent so far; going on with track {info.track} ({info.codec})")
            case SourceLost(cause=cause):
                gap_s = 0.0
                yield SourceNote(f"source lost ({_shorten(cause)}); connecting again")
            case SourceGap(seconds=seconds):
                gap_s += seconds
                yield SourceNote(is_break=True)
                for silence in _silence(seconds):
                    yield silence
            case SourceOpened():
                missed = f"; {gap_s:.1f} s of it were missed" if gap_s else ""
                yield SourceNote(f"the source is back{missed}")


def _shorten(cause: str) -> str:
    """Leave out what a client should do about it: we are doing it."""
    return cause.partition(";")[0]


def _silence(seconds: float) -> Iterator[bytes]:
    left = 2 * round(seconds * PCM_BYTES_PER_S / 2)  # whole samples
    while left > 0:
        yield bytes(min(left, _SILENCE_BYTES))
        left -= _SILENCE_BYTES


# On a server.


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """Audio, and who hears it."""

    source: AudioSource
    transcriber: Transcriber


@asynccontextmanager
async def pulling_there(wishes: Wishes, *, server: str, key: str) -> AsyncIterator[OpenedStream]:
    """Have the server at a ws:// or wss:// address pull their URL. Raises CommandFault.

    The source has notes only, and lasts until the last result.
    """
    async with opening_session(wishes, server=server, key=key) as client:
        session = _Pulled(client)
        yield OpenedStream(AudioSource(session.notes()), session)


class _Pulled:
    """A stream mode session on a server, as a `Transcriber`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._notes: asyncio.Queue[SourceNote | None] = asyncio.Queue()  # None: no more
        self._is_coming_back = False  # to the server, whose states say nothing of the source then
        client.on_state_change(self._note_state)

    async def send_audio(self, pcm: bytes) -> None:
        raise AssertionError("the server brings the audio")

    def end_utterance(self) -> None:
        raise AssertionError("the server sees by itself where the audio breaks off")

    async def stop(self) -> None:
        await self._client.stop()

    def tell_with(self, tell: Callable[[str], None]) -> None:
        self._client.on_reconnecting(lambda attempt: tell_of_loss(attempt, tell))

    async def results(self) -> AsyncIterator[ResultMessage]:
        try:
            async for result in results_of(self._client):
                yield result
        finally:
            self._notes.put_nowait(None)

    async def notes(self) -> AsyncIterator[SourceNote]:
        while (note := await self._notes.get()) is not None:
            yield note

    def _note_state(self, state: ConnectionState) -> None:
        from scribewire.client import ConnectionState

        match state:
            case ConnectionState.CONNECTING:
                self._is_coming_back = True
            case ConnectionState.LISTENING if self._is_coming_back:
                self._is_coming_back = False
            case ConnectionState.LOADING if self._is_coming_back:
                pass
            case ConnectionState.LOADING:
                self._notes.put_nowait(SourceNote("source lost; the server is connecting again"))
            case ConnectionState.LISTENING:
                self._notes.put_nowait(SourceNote("the source is back"))
            case _:
                pass
