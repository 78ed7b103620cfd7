"""One WebSocket with one dialogue, over a session that it did not make: read this first.

Two tasks share the dialogue. The reader gives it every message and acts on what it says; the writer
sends what the dialogue has to say and what the session has recognized. While the session is behind,
the reader waits in `receive_audio`, and while the client does not read, it waits for the writer, as
a source does that the session pulls: so the socket fills up and the client is slowed down.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, assert_never

from starlette.websockets import WebSocketDisconnect

from scribewire.errors import BROKEN, ClientFault, CloseCode
from scribewire.log_line import LogLine
from scribewire.protocol.dialogue import (
    AudioEnded,
    AudioReceived,
    BreakAsked,
    ClientLost,
    Close,
    SessionAborted,
    SessionStarted,
)
from scribewire.server.client_wire import ClientWire
from scribewire.server.concurrency import OneTask, loop_time
from scribewire.server.failures import fail_dialogue
from scribewire.server.session_clock import USUAL_TIMES, SessionClock, SessionTimes
from scribewire.server.session_finder import SessionFinder
from scribewire.server.session_news import AudioRefused, EngineLoaded, SourceEnded
from scribewire.server.session_results import ToldResults
from scribewire.server.websocket_talk import HALF_CLOSED
from scribewire.sources.events import SourceLost, SourceOpened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message
    from starlette.websockets import WebSocket

    from scribewire.protocol.dialogue import Dialogue, DialogueEvent
    from scribewire.server.session import Session
    from scribewire.server.session_news import SessionNews

_log = logging.getLogger("scribewire.session")


class Attachment:
    """Carry a session to a client for as long as both are there.

    `run` is for one task, once, and it alone sends on the WebSocket. What ends it any task of the
    same event loop may call. The session stays when the attachment has gone, unless the dialogue
    says that nobody will come back to it.
    """

    def __init__(
        self,
        websocket: WebSocket,
        dialogue: Dialogue,
        find_session: Callable[[SessionStarted], Session],
        *,
        name: str,
        finals_seen: int | None = None,
        times: SessionTimes = USUAL_TIMES,
        before_sending: Callable[[], Awaitable[None]] | None = None,
        prepare: Callable[[SessionStarted], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name  # in the log
        self.has_ended = asyncio.Event()
        self.is_abandoned = False  # the session: nobody will come back to it
        self._wire = ClientWire(websocket, name=name)
        self._dialogue = dialogue
        self._finder = SessionFinder(dialogue, find_session, prepare)
        self._times = times
        self._clock = SessionClock(USUAL_TIMES, now=loop_time())  # until there is a session
        self._before_sending = before_sending  # keeps an answer back
        self._session: Session | None = None  # found once the dialogue has started one
        self._told = ToldResults(dialogue, self._wake_writer, finals_seen, times.loading_interval_s)
        self._reading: asyncio.Task[None] | None = None
        self._awaits_model = False  # the client: it may keep its audio until it hears of it
        self._only_reads = False  # the client: it has closed its sending side
        self._owes_finish = False  # the dialogue waits for the remaining results
        self._outgoing: deque[str | bytes | Close] = deque()  # the reader waits until it is empty
        self._may_read = asyncio.Event()
        self._has_news = asyncio.Event()  # the writer has to look; the session's, once there is one
        self._running = OneTask("an attachment runs")

    async def run(self) -> None:
        """Serve the client until either side has ended the dialogue or the socket is gone."""
        with self._running:
            self._reading = asyncio.create_task(self._read())
            try:
                self._act()  # a session may have begun with the request
                await self._write()
            finally:
                await self._let_go()
                self.has_ended.set()

    async def hand_over(self, *, is_told: bool = True) -> None:
        """Let go of the session, which goes on over another connection; this one ends."""
        if is_told:
            words = "another connection goes on with this session"
            self._dialogue.turn_away(words, CloseCode.RESUMED_ELSEWHERE)
        else:
            self._dialogue.receive_disconnect()
        self._wake_writer()
        await self._let_go()
        self._wire.abandon(is_told=is_told)

    async def _let_go(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            session.detach(self._dialogue.fault)

    def announce_shutdown(self, at: int) -> None:
        """Tell the client that the server goes down, in Unix seconds; no session begins then."""
        can_move = (of := self._session) is not None and of.can_move()
        is_first = not self._told.is_of_come_back  # else it would come back for ever
        self._dialogue.announce_shutdown(at, can_resume=can_move and is_first)
        if self._session is None and not self._told.is_of_come_back:
            self._dialogue.end_session(CloseCode.RESTART)
        self._act()

    def end(self, code: CloseCode) -> None:
        """End as if the client had sent `stop`, because the server is going down."""
        if self._session is not None and not self._session.has_all_audio:
            self._session.end_code = code
        self._dialogue.end_session(code)
        self._act()

    def reject(self, fault: ClientFault) -> None:
        """End with the finals because the client may not go on; it is told why."""
        self._dialogue.reject(fault)
        self._act()

    def cut_off(self, code: CloseCode, *, at: int) -> None:
        """Close without the finals, because the server goes down now, in Unix seconds."""
        self._dialogue.cut_off(code, at=at)
        self._act()

    # The reader.

    async def _read(self) -> None:
        try:
            while not self._dialogue.is_over and not self._only_reads:
                await self._receive()
                # Messages that came together wait for nothing: let the others have their turn.
                await asyncio.sleep(0)
        except Exception as mistake:  # noqa: BLE001 - ours: fail the session, do not stall it
            self._fail(mistake)

    async def _receive(self) -> None:
        """Take the next message, or note that it has not come in time, and act on it."""
        try:
            message = await self._next_message()
        except TimeoutError:
            self._dialogue.handle_timer(loop_time())
        else:
            self._accept(message)
        await self._follow_all()
        self._look_at_clock()  # behind the audio that has just come
        await self._follow_all()
        self._wake_writer()

    async def _next_message(self) -> Message:
        """Wait until it may be read, and until it is there. Raises TimeoutError at a timer."""
        async with asyncio.timeout_at(self._next_timer_at()):
            await self._may_read.wait()
        async with asyncio.timeout_at(self._next_timer_at()):
            return await self._wire.receive()

    async def _follow_all(self) -> None:
        while (event := self._dialogue.next_event()) is not None:
            if isinstance(event, AudioReceived):
                await self._receive_audio(event.pcm)
            elif isinstance(event, SessionStarted):
                self._attach(await self._finder.find_when_ready(event))
            else:
                self._follow(event)

    def _next_timer_at(self) -> float | None:
        """Return when the dialogue or the clock has to be asked, unless a message comes first."""
        timers = [self._dialogue.timer_at]
        if not self._owes_finish:
            timers.append(self._clock.ends_at)
        return min((one for one in timers if one is not None), default=None)

    def _look_at_clock(self) -> None:
        """End a session that has gone on for too long."""
        if self._owes_finish:
            return
        if self._awaits_model:
            self._clock.begin_anew(loop_time())
        if (fault := self._clock.fault(loop_time())) is not None:
            self._dialogue.reject(fault)

    def _accept(self, message: Message) -> None:
        text: str | None = message.get("text")
        if message["type"] == "websocket.disconnect":
            if self._owes_finish and message.get("reason") == HALF_CLOSED:
                self._only_reads = True  # it has said all, and waits for the finals
                return
            if not self._dialogue.is_over:
                _log.info(LogLine("client_gone", "x the client has gone", session=self.name))
            self._outgoing.clear()
            self._dialogue.receive_disconnect(message.get("code", BROKEN))
        elif text is not None:
            self._dialogue.receive_text(text)
        else:
            self._dialogue.receive_bytes(message.get("bytes") or b"")

    async def _receive_audio(self, pcm: bytes) -> None:
        session = self._session
        assert session is not None
        try:
            async with asyncio.timeout_at(self._clock.over_at), self._told.showing_life(session):
                await session.receive_audio(pcm)
        except TimeoutError:  # while it was too far behind: the clock says why it has to end
            pass
        except ClientFault as fault:
            self._dialogue.reject(fault)
        self._clock.receive_audio(loop_time())
        self._told.acknowledge(session, now=loop_time())

    # The writer.

    async def _write(self) -> None:
        try:
            await self._write_until_over()
        except (WebSocketDisconnect, OSError):
            _log.info(LogLine("client_gone", "x the client has gone", session=self.name))
            self._dialogue.receive_disconnect()
            self._act()

    async def _write_until_over(self) -> None:
        while True:
            try:
                await self._write_news()
            except (WebSocketDisconnect, OSError):
                raise
            except Exception as mistake:  # noqa: BLE001 - ours: the client is told, not left alone
                self._fail(mistake)
                await self._send_outgoing()
            if self._dialogue.is_over:
                return
            await self._wait_for_news()
            self._has_news.clear()

    async def _wait_for_news(self) -> None:
        """Wait for news; now and then a load is some, or its client takes the server for dead."""
        is_loading = (of := self._session) is not None and of.is_read and of.is_loading
        try:
            async with asyncio.timeout(self._times.loading_interval_s if is_loading else None):
                await self._has_news.wait()
        except TimeoutError:
            self._dialogue.send_loading()

    async def _write_news(self) -> None:
        """Send all that there is to send."""
        session = self._session
        if session is not None:
            while (news := session.next_news()) is not None:
                self._tell_news(news, session)
            await self._send_outgoing()
            while self._told.send_next(session.results):
                await self._send_outgoing()
            if self._owes_finish and session is self._session and session.has_ended:
                self._dialogue.finish()
        await self._send_outgoing()

    def _tell_news(self, news: SessionNews, session: Session) -> None:
        match news:
            case SourceOpened() if session.is_loading:
                self._dialogue.send_listening(session.position)
                self._dialogue.send_loading()  # it is read in time, but no result comes yet
            case SourceOpened() | EngineLoaded():
                self._dialogue.send_listening(session.position)
                if self._awaits_model:
                    self._awaits_model = False
                    self._clock.begin_anew(loop_time())
                    self._told.begin_behind(session.results)
            case SourceLost():
                self._dialogue.send_loading()
            case SourceEnded(fault) if fault is not None:
                self._wire.excuse_source(fault)
                self._dialogue.fail_source(fault)
            case AudioRefused(fault):
                self._dialogue.reject(fault)
            case SourceEnded():
                self._dialogue.end_session(CloseCode.NORMAL)
        self._act()

    async def _send_outgoing(self) -> None:
        self._collect_outgoing()
        if self._outgoing:
            self._hold()
            if self._before_sending is not None:
                await self._before_sending()
        while self._outgoing:
            await self._wire.send(self._outgoing.popleft())
            self._collect_outgoing()
        self._may_read.set()
        self._clock.go_on(loop_time())
        if self._session is not None:
            self._session.may_pull.set()

    def _hold(self) -> None:
        """Take no more audio while something waits to be sent."""
        self._may_read.clear()
        self._clock.hold(loop_time())
        if self._session is not None:
            self._session.may_pull.clear()

    # Both.

    def _act(self) -> None:
        """Do what the dialogue says has become due; nothing that was received is audio."""
        try:
            while not self._finder.is_waited_for and (event := self._dialogue.next_event()):
                self._follow(event)
        except Exception as mistake:  # noqa: BLE001 - ours: the client is told, not left alone
            self._fail(mistake)
        self._wake_writer()

    def _follow(self, event: DialogueEvent) -> None:
        if isinstance(event, SessionStarted):
            self._attach(self._finder.find(event))
            return
        session = self._session
        assert session is not None, "a dialogue begins with its session"
        match event:
            case AudioReceived():
                raise AssertionError("audio comes with what the reader receives")
            case BreakAsked():
                session.end_utterance()
            case AudioEnded():
                self._owes_finish = True
                session.end_audio()
            case SessionAborted():
                self.is_abandoned = True
                session.abort()
            case ClientLost():
                pass  # the session stays as it is
            case _:
                assert_never(event)

    def _attach(self, session: Session | None) -> None:
        if session is None:  # the client has been told why
            return
        session.attach()
        self._session = session
        times = self._times if session.wishes.url is None else self._times.of_pulled
        self._clock = SessionClock(times, now=loop_time(), began_at=session.began_at)
        self._has_news.set()
        self._has_news = session.has_news
        _log.info(LogLine("started", "< start", session=self.name))
        if session.is_read and session.is_loading and not session.is_hearing:
            self._awaits_model = True
            self._dialogue.send_loading()
        elif self._told.is_of_come_back:
            self._go_on(session)
        elif session.is_read:
            self._dialogue.send_listening(session.position)

    def _go_on(self, session: Session) -> None:
        """Tell a client that has come back where its session is, and what it has missed."""
        self._told.begin_behind(session.results)
        self._dialogue.send_listening(session.position)
        if session.has_all_audio and not session.is_ending_told:
            self._dialogue.end_session(session.end_code)
        elif not session.is_read or session.is_loading:
            self._dialogue.send_loading()

    def _collect_outgoing(self) -> None:
        self._outgoing.extend(iter(self._dialogue.next_outgoing, None))

    def _wake_writer(self) -> None:
        self._collect_outgoing()
        if self._outgoing:
            self._hold()
        if self._outgoing or self._dialogue.is_over:
            self._has_news.set()

    def _fail(self, mistake: Exception) -> None:
        """Log what went wrong, and tell the client if it is still there."""
        if not self._dialogue.is_over:
            fail_dialogue(self._dialogue, mistake, name=self.name)
            self.is_abandoned = True
            self._wake_writer()
