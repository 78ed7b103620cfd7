"""Attachments without a socket, under a dialect of ours and under one that outlives its sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.websockets import WebSocket

from scribewire.engines.engines import Engines
from scribewire.errors import ClientFault, CloseCode
from scribewire.events import Final, SpeechStarted, TranscriptEvent
from scribewire.protocol.dialogue import (
    AudioEnded,
    AudioReceived,
    BreakAsked,
    Close,
    DialogueEvent,
    SessionStarted,
)
from scribewire.protocol.resuming import Position
from scribewire.server.attachment import Attachment
from scribewire.server.concurrency import ConcurrencyError
from scribewire.server.session import Session
from scribewire.server.session_clock import USUAL_TIMES, SessionTimes
from scribewire.server.session_opening import open_session
from scribewire.testing.faulty import StuckEngine
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import ScriptedVad, draw_pcm
from scribewire.wishes import Wishes
from tests.parts.asgi_clients import DeafClient, EagerClient, SlowClient, WearyClient, attach_client

START = '{"action":"start"}'


async def test_messages_that_came_together_leave_turns_to_other_sessions(
    server: RunningServer,
) -> None:
    empty = {"type": "websocket.receive", "bytes": b""}
    client = EagerClient(
        {"type": "websocket.receive", "text": START},
        *[empty] * 1000,
        {"type": "websocket.disconnect", "code": 1000},
    )
    attachment = await attach_client(server, client)
    running = asyncio.create_task(attachment.run())
    turns = 0
    while not running.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns > 1000


async def test_a_client_that_has_gone_does_not_keep_a_server_from_ending_its_sessions(
    server: RunningServer,
) -> None:
    attachment = await attach_client(server, EagerClient(is_gone=True))
    running = asyncio.create_task(attachment.run())
    await asyncio.sleep(0)

    attachment.end(CloseCode.RESTART)

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_session_that_its_client_left_says_so_in_the_log(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scribewire")
    client = EagerClient({"type": "websocket.disconnect", "code": 1006})
    attachment = await attach_client(server, client)

    await attachment.run()

    assert "5e55 x the client has gone" in caplog.messages


async def test_a_client_that_does_not_read_is_not_read_from(server: RunningServer) -> None:
    asking = {"type": "websocket.receive", "text": '{"action":"dance"}'}
    client = DeafClient(*[asking] * 2000)
    running = asyncio.create_task((await attach_client(server, client)).run())
    for _ in range(100):
        await asyncio.sleep(0)

    assert len(client.waiting) > 1990

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_client_that_reads_no_results_is_not_read_from(server: RunningServer) -> None:
    audio = {"type": "websocket.receive", "bytes": draw_pcm("..hello" + "." * 30)}
    client = WearyClient({"type": "websocket.receive", "text": START}, *[audio] * 300)
    running = asyncio.create_task((await attach_client(server, client)).run())
    await client.has_stopped.wait()
    left = len(client.waiting)
    for _ in range(300):
        await asyncio.sleep(0.001)  # the engine has threads of its own

    assert len(client.waiting) >= left - 1  # the one that was being taken

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.mark.slow
async def test_who_reads_slowly_and_sends_all_the_time_is_not_idle(server: RunningServer) -> None:
    audio = {"type": "websocket.receive", "bytes": draw_pcm("..hello" + "." * 30)}
    stop = {"type": "websocket.receive", "text": '{"action":"stop"}'}
    start = {"type": "websocket.receive", "text": START}
    client = SlowClient(start, *[audio] * 3, stop, takes_s=0.5)

    await (await attach_client(server, client, SessionTimes(idle_timeout_s=0.4))).run()

    assert client.close is not None
    assert (client.close["code"], client.close["reason"]) == (1000, "")
    assert not any("no audio" in text for text in client.read)


async def test_the_longest_session_ends_though_its_client_does_not_read(
    server: RunningServer,
) -> None:
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    await session.receive_audio(draw_pcm("..hello"))
    client = DeafClient({"type": "websocket.receive", "text": START})
    attachment = await attach_client(
        server, client, SessionTimes(max_session_s=0.1), session=session
    )
    running = asyncio.create_task(attachment.run())
    async with asyncio.timeout(5):
        assert await next_final(session) == "hello"  # so its audio has ended

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await session.aclose()


async def next_final(session: Session) -> str:
    """Take results, for a client that does not, up to the first final."""
    number = 0
    while True:
        session.has_news.clear()
        while (result := session.results.after(number)) is not None:
            number = result.number
            if isinstance(result.event, Final):
                return result.event.text
        await session.has_news.wait()


async def test_the_longest_session_ends_though_its_engine_is_too_far_behind() -> None:
    engine = StuckEngine()
    async with (
        run_server(Engines(ScriptedVad(), (engine,)), max_session_ms=150) as server,
        server.dial() as dialogue,
    ):
        await dialogue.send(START, draw_pcm("..hello" + "." * 400))
        while not dialogue.errors:
            await dialogue.next()
        engine.release.set()

        assert await dialogue.until_closed() == 1008
        assert dialogue.finals == ["hello"]
        assert dialogue.errors[0].startswith("this session has lasted")


@dataclass
class LastingDialogue:
    """A dialect whose sessions outlive their socket: text is audio, `end`, or `break`."""

    is_over: bool = False
    fault: ClientFault | None = None
    timer_at: None = None
    events: deque[DialogueEvent] = field(default_factory=deque)
    outgoing: deque[str | bytes | Close] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.events.append(SessionStarted(Wishes(language="en", partials=False)))

    def receive_text(self, text: str) -> None:
        match text:
            case "end":
                self.events.append(AudioEnded())
            case "break":
                self.events.append(BreakAsked())
            case _:
                self.events.append(AudioReceived(draw_pcm(text)))

    def receive_bytes(self, data: bytes) -> None:
        raise AssertionError

    def receive_disconnect(self, code: int = 1006) -> None:
        self.is_over = True

    def handle_timer(self, now: float) -> None:
        pass

    def send_loading(self) -> None:
        self.outgoing.append("loading")

    def send_listening(self, position: Position | None = None) -> None:
        self.outgoing.append("listening")

    def send_received(self, received_bytes: int, replay_from_bytes: int) -> None:
        assert received_bytes == replay_from_bytes

    def send_result(self, event: TranscriptEvent, number: int | None = None) -> None:
        if not isinstance(event, SpeechStarted):
            self.outgoing.append(event.text.encode())

    def cut_off(self, close_code: CloseCode, *, at: int) -> None:
        pass

    def announce_shutdown(self, at: int, *, can_resume: bool = False) -> None:
        self.outgoing.append(f"down at {at}{', resume' * can_resume}")

    def reject(self, fault: ClientFault) -> None:
        self.fail(fault.message)

    def fail_source(self, fault: ClientFault) -> None:
        raise AssertionError

    def end_session(self, close_code: CloseCode) -> None:
        self.events.append(AudioEnded())

    def finish(self) -> None:
        self.fail("bye")

    def turn_away(self, message: str, close_code: CloseCode) -> None:
        raise AssertionError

    def fail(self, message: str) -> None:
        self.is_over = True
        self.outgoing.append(Close(1000, message))

    def next_event(self) -> DialogueEvent | None:
        return self.events.popleft() if self.events else None

    def next_outgoing(self) -> str | bytes | Close | None:
        return self.outgoing.popleft() if self.outgoing else None


class Wire:
    """ASGI's side of a WebSocket that a test speaks over."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.say({"type": "websocket.connect"})

    def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self.incoming.put_nowait(message)

    def say_text(self, *texts: str) -> None:
        self.say(*({"type": "websocket.receive", "text": text} for text in texts))

    def leave(self) -> None:
        self.say({"type": "websocket.disconnect", "code": 1006})

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        match message:
            case {"type": "websocket.send", "text": str(text)}:
                self.sent.put_nowait(text)
            case {"type": "websocket.send", "bytes": bytes(content)}:
                self.sent.put_nowait(content)
            case {"type": "websocket.close", "reason": str(reason)}:
                self.sent.put_nowait(reason)

    async def attach(
        self, session: Session, *, finals_seen: int | None = None, times: SessionTimes = USUAL_TIMES
    ) -> Attachment:
        websocket = WebSocket({"type": "websocket"}, self.incoming.get, self.send)
        await websocket.accept()
        return Attachment(
            websocket,
            LastingDialogue(),
            lambda _: session,
            name="5e55",
            finals_seen=finals_seen,
            times=times,
        )

    async def receive(self, count: int) -> list[str | bytes]:
        return [await self.sent.get() for _ in range(count)]


HELLO = "..hello" + "." * 20


async def test_a_second_socket_gets_the_results_after_those_of_the_first(
    server: RunningServer,
) -> None:
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    session.make_resumable("e70c4")
    first, second = Wire(), Wire()
    running = asyncio.create_task((await first.attach(session)).run())
    first.say_text(HELLO)
    got = await first.receive(2)
    first.say_text(HELLO)
    got += await first.receive(1)
    first.leave()
    await running
    await session.receive_audio(draw_pcm(HELLO.replace("hello", "again")))  # its socket is gone

    running = asyncio.create_task((await second.attach(session, finals_seen=1)).run())
    second.say_text("end")
    got_again = await second.receive(4)
    await running
    await session.aclose()

    assert got == ["listening", b"hello", b"hello"]
    assert got_again == ["listening", b"hello", b"again", "bye"]


async def test_a_loading_model_is_told_of_again_and_again_and_nobody_is_idle_meanwhile() -> None:
    model, wire = ScriptedModel(is_open=False), Wire()
    engines = Engines(ScriptedVad(), (scripted_on_demand(model.load),))
    async with run_server(engines) as server, asyncio.timeout(5):
        session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
        times = SessionTimes(idle_timeout_s=0.04, loading_interval_s=0.02)
        running = asyncio.create_task((await wire.attach(session, times=times)).run())

        told = await wire.receive(6)
        model.let_load()
        while (last := await wire.sent.get()) == "loading":
            pass
        end = await wire.sent.get()

        await running
        await session.aclose()
    assert told == ["loading"] * 6  # for more than twice as long as it may be idle
    assert last == "listening"
    assert str(end).startswith("no audio for 0.04 s")


async def test_a_dialect_may_ask_for_the_end_of_an_utterance(server: RunningServer) -> None:
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    wire = Wire()
    attachment = await wire.attach(session)
    running = asyncio.create_task(attachment.run())

    wire.say_text("..hello", "break")
    got = await wire.receive(2)
    attachment.announce_shutdown(17)
    attachment.end(CloseCode.RESTART)
    got += await wire.receive(2)
    await running
    await session.aclose()

    assert got == ["listening", b"hello", "down at 17", "bye"]


async def test_two_tasks_that_run_one_attachment_are_an_error(server: RunningServer) -> None:
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    wire = Wire()
    attachment = await wire.attach(session)
    running = asyncio.create_task(attachment.run())
    await wire.receive(1)

    with pytest.raises(ConcurrencyError, match="an attachment runs"):
        await attachment.run()

    wire.leave()
    await running
    await session.aclose()


@pytest.mark.parametrize(
    ("limit", "words"),
    [("max_session_ms", "this session has lasted"), ("idle_timeout_ms", "no audio for 0.15 s")],
)
async def test_a_session_that_goes_on_for_too_long_gets_its_finals_and_is_told_why(
    limit: str, words: str
) -> None:
    options: dict[str, Any] = {limit: 150}
    async with run_server(**options) as server, server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello"))

        assert await dialogue.until_closed() == 1008
        assert dialogue.finals == ["hello"]
        assert dialogue.errors[0].startswith(words)
