"""One WebSocket from accept to close: read this first.

Two tasks share a connection core. The reader gives it every message and acts on what it says;
the writer sends what the stream's recognizer hears. Whichever ends first ends the session. In
stream mode a third one, `_pull`, brings the audio.
While the stream is behind, the reader waits in `Stream.write`, so the socket fills up and the
client is slowed down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from starlette.websockets import WebSocketDisconnect

from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.audio.wire import WireDecoder
from scribewire.errors import ClientFault, CloseCode
from scribewire.formatting.numbers import write_numbers_in_event
from scribewire.protocol.dialogue import (
    AudioEnded,
    AudioReceived,
    BreakAsked,
    Close,
    SessionAborted,
    SessionStarted,
)
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import rules_for
from scribewire.runtime.stream import Stream
from scribewire.server.pulling import pace_events, write_silence
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from scribewire.protocol.dialogue import Request
    from scribewire.server.services import Services
    from scribewire.types import Pace

_OUR_FAULT = "recognition failed: a fault of the server, not of the audio; connect again"


_log = logging.getLogger("scribewire.session")


class Session:
    """A session on an accepted WebSocket. `run` returns once it is over."""

    def __init__(self, websocket: WebSocket, opening: Request, services: Services) -> None:
        self.id = secrets.token_hex(16)
        self._websocket = websocket
        self._services = services
        self._opening = opening
        self._connection = opening.begin(services.policy, self.id, _now())
        self._decoder = WireDecoder()
        self._stream: Stream | None = None  # set when `start` has come
        self._digits_in: str | None = None  # set if it asks for digits
        self._has_stream = asyncio.Event()
        self.has_ended = asyncio.Event()
        self._sending = asyncio.Lock()  # two tasks send; messages keep their order
        self._pulling: asyncio.Task[None] | None = None  # brings the audio in stream mode

    async def run(self) -> None:
        """Serve the client until either side ends the session."""
        self._services.sessions.add(self)
        asked = self._opening
        _log.info("%s = open %s %s", self.id, asked.path, asked.wishes.mode)
        if asked.unknown_parameters:
            # Not their names: a key may stand there by mistake.
            _log.debug("%s = ignored %d parameters", self.id, len(asked.unknown_parameters))
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            await self._act()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._pulling is not None:
                tasks.append(self._pulling)
            for task in tasks:
                task.cancel()
            if self._stream is not None:
                self._stream.abort()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            self._services.sessions.discard(self)
            self.has_ended.set()
        await self._report(outcomes)

    async def end(self, code: CloseCode) -> None:
        """End as if the client had sent `stop`, because the server is going down."""
        self._connection.end_session(code)
        with contextlib.suppress(WebSocketDisconnect, OSError):  # `run` sees by itself that it left
            await self._act()

    # The reader.

    async def _read(self) -> None:
        while not self._connection.is_over:
            message = await self._receive()
            if message is None:
                if not self._connection.is_over:
                    _log.info("%s x the client has gone", self.id)
                self._connection.receive_disconnect()
            elif isinstance(message, str):
                self._connection.receive_text(message)
            else:
                self._connection.receive_bytes(message)
            await self._act()
            # Messages that came together wait for nothing: let the other sessions have their turn.
            await asyncio.sleep(0)

    async def _receive(self) -> str | bytes | None:
        """Return the next message; None once the client has gone or the core's timer closed."""
        while not self._connection.is_over:
            try:
                async with asyncio.timeout_at(self._connection.timer_at):
                    message = await self._websocket.receive()
            except TimeoutError:
                self._connection.handle_timer(_now())
                await self._act()
                continue
            if message["type"] == "websocket.disconnect":
                return None
            text: str | None = message.get("text")
            content: bytes | None = message.get("bytes")
            return content or b"" if text is None else text
        return None

    async def _act(self) -> None:
        """Do what the core says has become due."""
        while (event := self._connection.next_event()) is not None:
            match event:
                case SessionStarted():
                    self._start(event)
                case AudioReceived(pcm=pcm):
                    await self._receive_audio(pcm)
                case BreakAsked():
                    assert self._stream is not None
                    self._stream.end_utterance()
                case AudioEnded():
                    assert self._stream is not None
                    self._stop_pulling()
                    self._stream.end(self._decoder.receive_end())
                case SessionAborted():
                    self._stop_pulling()  # nothing slows it down any more
                    if self._stream is not None:
                        self._stream.abort()
                case _:
                    assert_never(event)
            await self._send_outgoing()
        await self._send_outgoing()

    def _start(self, event: SessionStarted) -> None:
        wishes = event.wishes
        engines = self._services.engines
        speech = engines.speech_for(wishes.language, wishes.mode)
        granted = replace(wishes, speakers=wishes.speakers and engines.voices is not None)
        granted = replace(wishes, speakers=wishes.speakers and engines.voices is not None)
        rules = rules_for(
            granted,
            speech.traits,
            speech.calibration,
            max_utterance_ms=self._services.settings.max_utterance_ms,
        )
        self._digits_in = wishes.language if wishes.digits else None
        self._stream = Stream(Recognizer(rules), self._services.scheduler, speech)
        self._has_stream.set()
        _log.info("%s < start", self.id)
        if wishes.url is None:
            self._connection.send_listening()
        else:
            pulling = self._pull(wishes.url, wishes.pace, self._stream)
            self._pulling = asyncio.create_task(pulling)

    async def _receive_audio(self, pcm: bytes) -> None:
        assert self._stream is not None
        try:
            samples = self._decoder.receive_bytes(pcm)
        except ClientFault as fault:
            self._connection.reject(fault)
            return
        await self._stream.write(samples)

    # Stream mode.

    async def _pull(self, url: str, pace: Pace, stream: Stream) -> None:
        """Write what the address gives to the stream, until it ends or `stop` comes."""
        try:
            await self._write_source(url, pace, stream)
        except WebSocketDisconnect:
            pass  # the reader sees by itself that the client has gone
        except Exception as mistake:  # noqa: BLE001 - ours: fail the session, do not stall it
            stream.fail(mistake)

    async def _write_source(self, url: str, pace: Pace, stream: Stream) -> None:
        try:
            async with contextlib.aclosing(self._services.sources.pull(url)) as events:
                async for event in pace_events(events, pace):
                    match event:
                        case SourceOpened(info=info):
                            _log.info("%s = %s %s", self.id, info.container, info.codec)
                            self._connection.send_listening()
                        case SourceAudio(pcm=pcm):
                            await stream.write(decode_pcm(pcm, WIRE_PCM))
                        case SourceLost(cause=cause):
                            _log.info("%s ! source lost: %s", self.id, cause)
                            self._connection.send_loading()
                        case SourceGap(seconds=seconds):
                            stream.end_utterance()
                            await write_silence(stream, seconds)
                    await self._send_outgoing()
        except SourceFault as fault:
            _log.info("%s x %s", self.id, fault.message)
            self._connection.fail_source(fault)
        else:
            self._connection.end_session(CloseCode.NORMAL)
        await self._act()

    def _stop_pulling(self) -> None:
        # Where the source itself has ended, this is called by what pulled it.
        if self._pulling is not None and self._pulling is not asyncio.current_task():
            self._pulling.cancel()

    # The writer.

    async def _write(self) -> None:
        await self._has_stream.wait()
        assert self._stream is not None
        async for event in self._stream.events():
            if self._digits_in is not None:
                event = write_numbers_in_event(event, self._digits_in)  # noqa: PLW2901
            self._connection.send_result(event)
            await self._send_outgoing()
        self._connection.finish()
        await self._send_outgoing()

    # Both.

    async def _send_outgoing(self) -> None:
        async with self._sending:
            while (message := self._connection.next_outgoing()) is not None:
                if isinstance(message, Close):
                    _log.info("%s x closed %d %s", self.id, message.code, message.reason)
                await self._send(message)

    async def _send(self, message: str | bytes | Close) -> None:
        try:
            if isinstance(message, Close):
                await self._websocket.close(message.code, message.reason)
            elif isinstance(message, str):
                await self._websocket.send_text(message)
            else:
                await self._websocket.send_bytes(message)
        except RuntimeError as error:
            # The core sends nothing after a close, so it was uvicorn that closed, and has not told
            # us yet: a frame over the limit or not UTF-8, or a ping without an answer.
            raise WebSocketDisconnect(CloseCode.GOING_AWAY) from error

    async def _report(self, outcomes: list[BaseException | None]) -> None:
        """Log what went wrong, and tell the client if it is still there."""
        for outcome in outcomes:
            match outcome:
                case None | asyncio.CancelledError():
                    continue
                case WebSocketDisconnect() | OSError():
                    _log.info("%s x the client has gone", self.id)
                case _:
                    _log.error("%s ! %s", self.id, outcome, exc_info=outcome)
                    self._connection.fail(_OUR_FAULT)
                    with contextlib.suppress(WebSocketDisconnect, OSError):
                        await self._send_outgoing()


def _now() -> float:
    return asyncio.get_running_loop().time()
