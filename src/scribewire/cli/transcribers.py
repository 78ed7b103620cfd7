"""Who turns the audio into results: an engine in this process, or a server.

Both are a `Transcriber`, and for the same audio both give the same finals.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.events import SpeechStarted
from scribewire.protocol.results import FinalResult, PartialResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scribewire.client import Client, Reconnecting
    from scribewire.engines.engines import Engines
    from scribewire.protocol.results import ResultMessage
    from scribewire.runtime.stream import Stream
    from scribewire.settings import Settings
    from scribewire.wishes import Wishes

LISTENING_TIMEOUT_S = 15.0
# Of a server that opens a stream URL: it gives up itself after 15 s, and then it says why.
OPENING_TIMEOUT_S = 30.0

CONNECTION_LOST = "connection lost; coming back"

_UNAUTHORIZED = (401, 403)


class Transcriber(Protocol):
    """Takes one stream's audio, gives its results."""

    async def send_audio(self, pcm: bytes) -> None:
        """Take PCM of the wire; waits while the recognition is too far behind."""

    def end_utterance(self) -> None:
        """Say that the audio has broken off; what follows begins a new utterance."""

    async def stop(self) -> None:
        """Say that the audio is over; the remaining results follow."""

    def results(self) -> AsyncIterator[ResultMessage]:
        """Yield every result until the last one after `stop`."""

    def tell_with(self, tell: Callable[[str], None]) -> None:
        """Say with this what becomes of it that a person should know."""


# In this process.


@asynccontextmanager
async def transcribing_here(
    wishes: Wishes, engines: Engines, settings: Settings
) -> AsyncIterator[Transcriber]:
    """Recognize with engines of this process, which stay open."""
    from scribewire.engines.on_demand import load_engine
    from scribewire.recognition.recognizer import Recognizer
    from scribewire.recognition.rules import rules_for
    from scribewire.runtime.stream import Stream
    from scribewire.runtime.threads import schedule_on_threads

    wishes = _settle_languages(wishes, engines)
    speech = engines.speech_for(wishes.language, wishes.mode, wishes.languages)
    load_engine(speech)
    granted = replace(wishes, speakers=wishes.speakers and engines.voices is not None)
    rules = rules_for(
        granted,
        speech.traits,
        speech.calibration,
        max_utterance_ms=settings.max_utterance_ms,
    )
    scheduler = schedule_on_threads(engines, workers=settings.workers)
    stream = Stream(Recognizer(rules), scheduler, speech)
    try:
        yield _Here(stream, wishes)
    finally:
        stream.abort()
        await scheduler.aclose()


class _Here:
    """A stream, spoken to as one speaks to a server."""

    def __init__(self, stream: Stream, wishes: Wishes) -> None:
        from scribewire.audio.wire import WireDecoder

        self._stream = stream
        self._wishes = wishes
        self._decoder = WireDecoder()

    async def send_audio(self, pcm: bytes) -> None:
        await self._stream.write(self._decoder.receive_bytes(pcm))

    def end_utterance(self) -> None:
        self._stream.end_utterance()

    async def stop(self) -> None:
        self._stream.end(self._decoder.receive_end())

    def tell_with(self, tell: Callable[[str], None]) -> None:
        pass  # nothing can come between

    async def results(self) -> AsyncIterator[ResultMessage]:
        from scribewire.protocol.results import as_result
        from scribewire.server.digits import write_as_wished

        async for event in self._stream.events():
            written = write_as_wished(event, self._wishes)
            if not isinstance(written, SpeechStarted):
                yield as_result(written)


def _settle_languages(wishes: Wishes, engines: Engines) -> Wishes:
    """Return the wishes as a server with these engines grants them. Raises CommandFault."""
    from scribewire.errors import ClientFault
    from scribewire.protocol.languages import LanguageOffer

    offer = LanguageOffer(
        languages=engines.languages,
        default=engines.default_language,
        auto=engines.auto_languages,
        place="on this machine",
    )
    try:
        return offer.settle(wishes)
    except ClientFault as fault:
        raise CommandFault("; ".join([fault.message, *engines.missing])) from None


# On a server.


@asynccontextmanager
async def transcribing_there(
    wishes: Wishes, *, server: str, key: str
) -> AsyncIterator[Transcriber]:
    """Recognize on the server at a ws:// or wss:// address.

    Raises CommandFault; its exit code tells whether the key was refused, the server out of
    reach, or the session failed.
    """
    async with opening_session(wishes, server=server, key=key) as client:
        yield _There(client)


@asynccontextmanager
async def opening_session(wishes: Wishes, *, server: str, key: str) -> AsyncIterator[Client]:
    """Open a session on a server, in stream mode if there is a URL. Raises CommandFault."""
    from scribewire.client import connect
    from scribewire.client.errors import ClientError

    timeout_s = LISTENING_TIMEOUT_S if wishes.url is None else OPENING_TIMEOUT_S
    try:
        async with connect(server, key=key, timeout_s=timeout_s, **wishes.fields()) as client:
            yield client
    except ValueError as error:
        raise CommandFault(f"--server or --key: {error}", ExitCode.USAGE) from error
    except ClientError as error:
        raise _explain(error) from error


class _There:
    """A session on a server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send_audio(self, pcm: bytes) -> None:
        await self._client.send_audio(pcm)  # how a session ended early, `results` tells

    def end_utterance(self) -> None:
        raise AssertionError("nothing that is sent to a server breaks off")

    def tell_with(self, tell: Callable[[str], None]) -> None:
        self._client.on_reconnecting(lambda attempt: tell_of_loss(attempt, tell))

    async def stop(self) -> None:
        await self._client.stop()

    async def results(self) -> AsyncIterator[ResultMessage]:
        async for result in results_of(self._client):
            yield result


def tell_of_loss(attempt: Reconnecting, tell: Callable[[str], None]) -> None:
    """Say that a connection is lost: once, however many attempts it takes to come back."""
    if attempt.attempt == 1:
        tell(CONNECTION_LOST)


async def results_of(client: Client) -> AsyncIterator[ResultMessage]:
    """Yield what a session hears, until it is over."""
    async for message in client:
        if isinstance(message, FinalResult):
            yield replace(message, number=None)  # as of a transcriber that has no connection
        elif isinstance(message, PartialResult):
            yield message


def _explain(error: Exception) -> CommandFault:
    from scribewire.client.errors import ConnectTimeoutError, RefusedError, UnreachableError

    match error:
        case RefusedError(status=status) if status in _UNAUTHORIZED:
            return CommandFault(str(error), ExitCode.KEY_REFUSED)
        case UnreachableError() | ConnectTimeoutError():
            return CommandFault(str(error), ExitCode.UNREACHABLE)
        case _:
            return CommandFault(str(error))
