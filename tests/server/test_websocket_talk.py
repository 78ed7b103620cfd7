"""What a client may do to the layer under the dialogue, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from starlette.types import Receive, Scope, Send

from scribewire.engines.engines import Engines
from scribewire.server.address import listen
from scribewire.server.listener import Listener
from scribewire.server.websocket_talk import (
    ALLOWED_BYTES,
    ALLOWED_IDLE_FRAMES,
    ALLOWED_MESSAGES,
    FREE_TEXTS,
)
from scribewire.testing.faulty import StuckEngine
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import ScriptedVad, draw_pcm
from tests.parts.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    START,
    TEXT,
    RawSocket,
    close,
    close_code,
    frame,
    open_raw,
)

KEYLESS = "/v2/realtime"
STARTED = frame(TEXT, START.encode())
STOP = frame(TEXT, b'{"action":"stop"}')


def dial_raw(
    server: RunningServer, target: str = "/v2/realtime?token=key-1", **options: int
) -> contextlib.AbstractAsyncContextManager[RawSocket]:
    return open_raw(server.address.host, server.address.port, target, **options)


async def send_until_cut_off(raw: RawSocket) -> None:
    """Send a little again and again, and read nothing."""
    with contextlib.suppress(ConnectionError):
        while True:
            await raw.send(frame(PONG, b"a"))
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("flood", "code"),
    [
        (frame(PING, b"a") * (ALLOWED_IDLE_FRAMES + 1), 1008),
        (frame(PONG) * (ALLOWED_IDLE_FRAMES + 1), 1008),
        (
            frame(TEXT, is_last=False)
            + frame(CONTINUATION, is_last=False) * (ALLOWED_IDLE_FRAMES + 1),
            1008,
        ),
        (frame(TEXT, b"{}") * (ALLOWED_MESSAGES + 1), 1008),
        (frame(TEXT, b"{" * 10_000, is_last=False) + frame(BINARY, bytes(40_000)), 1002),
        (frame(BINARY, bytes(ALLOWED_BYTES + 20_000))[:-1], 1008),
    ],
    ids=["pings", "pongs", "empty fragments", "empty objects", "no fragment", "bytes"],
)
async def test_before_start_there_is_an_allowance(
    server: RunningServer, flood: bytes, code: int
) -> None:
    async with dial_raw(server, KEYLESS) as raw:
        await raw.send(flood)
        frames = await raw.until_closed()

    assert close_code(frames) == code
    assert len(frames) <= ALLOWED_MESSAGES + 2


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (frame(TEXT, b"{}") * (ALLOWED_MESSAGES + 1), ["close 1008"]),
        (frame(CONTINUATION), ["close 1002"]),
        (frame(TEXT, b"\xff"), ["close 1007"]),
        (close(1000), []),  # theirs, not ours
    ],
)
async def test_a_close_of_this_layer_is_counted_once(sent: bytes, told: list[str]) -> None:
    observer = RememberingObserver()
    async with run_server(observer=observer) as server, dial_raw(server, KEYLESS) as raw:
        await raw.send(sent)
        await raw.until_closed()

    assert observer.told == told


@pytest.mark.parametrize("sends_on", [True, False], ids=["sends on", "has ended its side"])
async def test_a_fault_of_the_application_is_counted(*, sends_on: bool) -> None:
    async def accept_and_fail(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if not sends_on:
            await receive()
        raise LookupError

    codes: list[int] = []
    sock = listen("127.0.0.1", 0)
    listener = Listener(sock, accept_and_fail, start_timeout_s=15, note_close=codes.append)
    listener.start()
    host, port = sock.getsockname()
    async with open_raw(host, port, KEYLESS) as raw:
        if not sends_on:
            raw.writer.write_eof()
        frames = await read_to_the_end(raw)
    await listener.aclose()

    assert (close_code(frames), codes) == (1011, [1011])


async def test_the_application_waits_until_what_it_has_sent_may_be_followed() -> None:
    sending, has_sent = asyncio.Event(), asyncio.Event()

    async def say_much(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        sending.set()
        await send({"type": "websocket.send", "bytes": bytes(1_000_000)})
        has_sent.set()
        await send({"type": "websocket.close"})

    sock = listen("127.0.0.1", 0)
    listener = Listener(sock, say_much, start_timeout_s=15)
    listener.start()
    host, port = sock.getsockname()
    async with open_raw(host, port, KEYLESS, receive_buffer_bytes=4096) as raw:
        await sending.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        waits = not has_sent.is_set()
        frames = await raw.until_closed()
    await listener.aclose()

    assert waits
    assert has_sent.is_set()
    assert len(frames) == 2


async def test_what_is_under_way_with_the_start_needs_no_allowance(server: RunningServer) -> None:
    audio = b"".join(frame(BINARY, draw_pcm(".")) for _ in range(200))
    async with dial_raw(server) as raw:
        await raw.send(STARTED + frame(PING) * ALLOWED_IDLE_FRAMES + audio + STOP)
        frames = await raw.until_closed()

    assert close_code(frames) == 1000


@pytest.mark.slow
async def test_a_client_that_pings_and_reads_nothing_is_not_owed_every_answer(
    server: RunningServer,
) -> None:
    async with dial_raw(server, receive_buffer_bytes=4096) as raw:
        await raw.send(STARTED)
        await raw.next_frame()
        await raw.send(frame(PING, b"a" * 100) * 500 + STOP)
        pongs = sum(opcode == PONG for opcode, _ in await raw.until_closed())

    assert 1 <= pongs < 50


async def test_the_last_of_many_pings_is_answered(server: RunningServer) -> None:
    async with dial_raw(server) as raw:
        await raw.send(STARTED)
        await raw.next_frame()
        await raw.send(frame(PING, b"one") + frame(PING, b"two"))

        assert await raw.next_frame() == (PONG, b"two")


@pytest.mark.slow
async def test_the_time_to_start_ends_though_nothing_can_be_written() -> None:
    async with (
        run_server(start_timeout_ms=100) as server,
        dial_raw(server, KEYLESS, receive_buffer_bytes=4096) as raw,
    ):
        await raw.send(frame(TEXT, b'{"action":"' + b"x" * 4000 + b'"}') * 10)
        async with asyncio.timeout(6):
            await send_until_cut_off(raw)


@pytest.mark.slow
async def test_clients_that_do_not_read_do_not_hold_the_server() -> None:
    async with (
        contextlib.AsyncExitStack() as clients,
        asyncio.timeout(20),  # of the 30 s that sessions have
        run_server() as server,
    ):
        for target in (KEYLESS, KEYLESS, KEYLESS):
            raw = await clients.enter_async_context(
                dial_raw(server, target, receive_buffer_bytes=4096)
            )
            await raw.send(frame(PING, b"a" * 100) * ALLOWED_IDLE_FRAMES)


async def test_text_that_is_not_utf8_while_a_close_is_under_way_is_no_error(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with dial_raw(server) as raw:
        await raw.send(STARTED + STOP)
        while (await raw.next_frame())[0] != 8:
            pass
        await raw.send(frame(TEXT, b"\xff") * 3 + close(1000))
        await raw.until_closed()

    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []


async def test_what_was_said_before_a_fault_is_heard(server: RunningServer) -> None:
    """In one packet with what cannot be read on."""
    async with dial_raw(server) as raw:
        await raw.send(frame(TEXT, b'{"action":"dance"}') + frame(3))
        frames = await raw.until_closed()

    assert close_code(frames) == 1002


@pytest.mark.slow
async def test_many_empty_objects_hold_nobody_else_up(server: RunningServer) -> None:
    """After a start they are read ever more slowly, and each is answered."""
    async with dial_raw(server) as raw:
        await raw.send(STARTED)
        await raw.next_frame()
        await raw.send(frame(TEXT, b"{}") * (FREE_TEXTS + 10))
        answers = [json.loads((await raw.next_frame())[1]) for _ in range(FREE_TEXTS + 10)]
        await raw.send(STOP)

        assert close_code(await raw.until_closed()) == 1000
    assert sum("error" in answer for answer in answers) == FREE_TEXTS + 10


async def test_samples_one_by_one_are_heard_as_if_they_had_come_together(
    server: RunningServer,
) -> None:
    audio = draw_pcm("..hello")
    single = b"".join(frame(BINARY, audio[at : at + 2]) for at in range(0, len(audio), 2))
    async with dial_raw(server) as raw:
        await raw.send(STARTED + single + STOP)
        frames = await raw.until_closed()

    assert [json.loads(text)["text"] for _, text in frames if b'"is_final":true' in text] == [
        "hello"
    ]


async def read_to_the_end(raw: RawSocket) -> list[tuple[int, bytes]]:
    """Read every frame, and answer nothing."""
    frames = []
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            frames.append(await raw.next_frame())
    return frames


async def test_who_closes_the_sending_side_after_stop_gets_the_finals() -> None:
    engine = StuckEngine()
    engines = Engines(ScriptedVad(), (engine,))
    audio = frame(BINARY, draw_pcm("." * 5 + "hello" * 3 + "." * 20))
    async with run_server(engines) as server, dial_raw(server) as raw:
        await raw.send(STARTED + audio + STOP)
        raw.writer.write_eof()
        await asyncio.to_thread(engine.has_begun.wait, 5)
        engine.release.set()
        frames = await read_to_the_end(raw)

    messages = [json.loads(payload) for opcode, payload in frames if opcode == TEXT]
    assert [m["text"] for m in messages if m.get("is_final")]
    assert messages[-1] == {"state": "stopped"}
    assert close_code(frames) == 1000


async def test_who_closes_the_sending_side_without_stop_has_left() -> None:
    observer = RememberingObserver()
    async with run_server(observer=observer) as server, dial_raw(server) as raw:
        await raw.send(STARTED + frame(BINARY, draw_pcm("." * 5 + "hello" * 3)))
        raw.writer.write_eof()
        frames = await read_to_the_end(raw)
        left = list(server.services.attachments)

    assert b"stopped" not in b"".join(payload for _, payload in frames)
    assert not left
    assert CLOSE not in {opcode for opcode, _ in frames}
    assert not [told for told in observer.told if told.startswith("close ")]  # no fault of ours


@pytest.mark.slow
async def test_a_session_whose_client_reads_nothing_is_closed_behind_what_waits_for_it() -> None:
    asking = frame(TEXT, b'{"action":"' + b"dance" * 100 + b'"}')
    async with (
        run_server(unread_timeout_ms=300, max_unread_bytes=4096) as server,
        dial_raw(server, receive_buffer_bytes=4096) as raw,
    ):
        await raw.send(STARTED)
        await raw.next_frame()
        await raw.send(asking * 200)
        async with asyncio.timeout(10):
            (attachment,) = server.services.attachments
            await attachment.has_ended.wait()  # though what waits has not been read
        frames = await raw.until_closed()

    assert close_code(frames) == 1008
    assert b"read all messages as they come" in frames[-1][1]
    assert sum(len(payload) for _, payload in frames) < 40_000  # with what systems hold


@pytest.mark.parametrize(("length", "code"), [(16_384, 1000), (16_385, 1009)])
async def test_a_message_may_be_as_large_as_the_operator_lets_it(length: int, code: int) -> None:
    async with run_server(max_message_bytes=16_384) as server, dial_raw(server) as raw:
        await raw.send(STARTED)
        await raw.next_frame()
        await raw.send(frame(BINARY, bytes(length)) + STOP)

        assert close_code(await raw.until_closed()) == code
