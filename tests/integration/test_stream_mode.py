"""Stream mode over real sockets: a source on loopback, the server between, a client."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest

from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm

HELLO = "." * 70 + "hello" * 3 + "." * 20
WORLD = "." * 70 + "world" * 3 + "." * 20
OK = "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\n"
FOREVER = 0xFFFFFFFF


def wav(pcm: bytes, *, size: int | None = None) -> bytes:
    size = len(pcm) if size is None else size
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    riff = struct.pack("<4sI4s", b"RIFF", min(size + 36, FOREVER), b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", size) + pcm


Answer = Callable[[asyncio.StreamWriter, str], Awaitable[None]]


@dataclass
class Source:
    """What a media server is asked, and what it answers, one after the other."""

    answers: list[Answer]
    requests: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/talk.wav?secret=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        with contextlib.suppress(ConnectionError):
            await answer(writer, request)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serve(*answers: Answer) -> AsyncIterator[Source]:
    source = Source(list(answers))
    listener = await asyncio.start_server(source.serve, "127.0.0.1", 0)
    source.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield source


def whole(body: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter, _: str) -> None:
        writer.write(f"{OK}content-length: {len(body)}\r\n\r\n".encode() + body)

    return answer


def endless(body: bytes, *, stays: asyncio.Event | None = None) -> Answer:
    """Send without a length, then hang up, or only once it may."""

    async def answer(writer: asyncio.StreamWriter, _: str) -> None:
        writer.write(f"{OK}connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        if stays is not None:
            await stays.wait()

    return answer


def only(head: str, body: str = "") -> Answer:
    async def answer(writer: asyncio.StreamWriter, _: str) -> None:
        writer.write(f"HTTP/1.1 {head}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())

    return answer


def path_for(source: Source, extra: str = "") -> str:
    return f"/v2/client/key-1?url={quote(source.url, safe='')}{extra}"


@contextlib.asynccontextmanager
async def run_open_server(*, source_retry_ms: int = 5_000) -> AsyncIterator[RunningServer]:
    options = {"allow_source": ("127.0.0.1",), "source_retry_ms": source_retry_ms}
    async with run_server(None, **options) as server:
        yield server


async def test_a_finite_source_is_loaded_heard_and_stopped() -> None:
    async with (
        serve(whole(wav(draw_pcm(HELLO + WORLD)))) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    states = [m["state"] for m in dialogue.messages if "state" in m]
    assert (code, states) == (1000, ["loading", "listening", "stopped"])
    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert dialogue.errors == []


async def test_it_hears_what_the_same_audio_pushed_gives() -> None:
    pcm = draw_pcm(HELLO + WORLD + "abc")
    async with serve(whole(wav(pcm))) as source, run_open_server() as server:
        async with server.dial(path_for(source)) as pulled:
            await pulled.until_closed()
        async with server.dial() as pushed:
            await pushed.send('{"action":"start"}', pcm, '{"action":"stop"}')
            await pushed.until_closed()

    finals = [[m for m in d.messages if m.get("is_final")] for d in (pulled, pushed)]
    assert finals[0] == finals[1] != []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (only("404 Not Found"), ["invalid stream", "404"]),
        (only("401 Unauthorized"), ["stream requires authentication"]),
        (only("403 Forbidden"), ["stream requires authentication"]),
        (
            only("200 OK", "<!DOCTYPE html><html><body>no</body></html>" * 50),
            ["unsupported format"],
        ),
    ],
)
async def test_a_source_that_cannot_be_used_is_an_error(answer: Answer, words: list[str]) -> None:
    async with (
        serve(answer) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert code == 1008
    assert all(word in error for word in words)
    assert "secret" not in error


async def test_a_source_that_does_not_open_in_time_is_an_error_with_its_cause() -> None:
    async def answer(writer: asyncio.StreamWriter, request: str) -> None:
        playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"
        if request.startswith("GET /talk.wav"):
            writer.write(OK.encode() + b"connection: close\r\n\r\n" + playlist)
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n")

    async with (
        serve(answer) as source,
        run_server(None, allow_source=("127.0.0.1",), start_timeout_ms=2000) as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert code == 1008
    assert "404" in error


async def test_an_address_of_this_machine_is_not_connected_to(server: RunningServer) -> None:
    async with (
        serve(whole(wav(draw_pcm(HELLO)))) as source,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert (code, source.requests) == (1008, [])
    assert "stream address not allowed" in error


async def test_a_download_that_breaks_off_goes_on_where_it_stopped() -> None:
    body = wav(draw_pcm(HELLO + WORLD))
    half = len(body) // 2

    async def first_half(writer: asyncio.StreamWriter, _: str) -> None:
        writer.write(f"{OK}content-length: {len(body)}\r\n\r\n".encode() + body[:half])

    async def rest(writer: asyncio.StreamWriter, request: str) -> None:
        found = re.search(r"bytes=(\d+)-", request)
        assert found is not None
        start = int(found[1])
        head = f"HTTP/1.1 206 Partial Content\r\ncontent-length: {len(body) - start}\r\n"
        span = f"content-range: bytes {start}-{len(body) - 1}/{len(body)}\r\n\r\n"
        writer.write((head + span).encode() + body[start:])

    async with (
        serve(first_half, rest) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    assert dialogue.errors == [], source.requests
    assert code == 1000
    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert len(source.requests) == 2


async def test_a_live_source_that_hangs_up_is_connected_to_again() -> None:
    stays = asyncio.Event()
    first = endless(wav(draw_pcm(HELLO), size=FOREVER))
    second = endless(wav(draw_pcm(WORLD), size=FOREVER), stays=stays)
    async with (
        serve(first, second) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        while "world" * 3 not in dialogue.finals:
            await dialogue.next()
        await dialogue.send('{"action":"stop"}')
        code = await dialogue.until_closed()
        stays.set()

    states = [m["state"] for m in dialogue.messages if "state" in m]
    assert states == ["loading", "listening", "loading", "listening", "stopped"]
    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert code == 1000


async def test_a_word_that_is_cut_off_is_no_part_of_what_follows() -> None:
    stays = asyncio.Event()
    first = endless(wav(draw_pcm("." * 70 + "hello" * 3), size=FOREVER))
    second = endless(wav(draw_pcm("world" * 3 + "." * 20), size=FOREVER), stays=stays)
    # Its silence would not end an utterance before five seconds.
    async with (
        serve(first, second) as source,
        run_open_server() as server,
        server.dial(path_for(source, "&endpointing=5000")) as dialogue,
    ):
        while not dialogue.finals:
            await dialogue.next()
        assert [m["state"] for m in dialogue.messages if "state" in m][:2] == [
            "loading",
            "listening",
        ]
        await dialogue.send('{"action":"stop"}')
        await dialogue.until_closed()
        stays.set()

    assert dialogue.finals[0] == "hello" * 3


async def test_a_live_source_that_does_not_come_back_is_given_up() -> None:
    gone = only("404 Not Found")
    async with (
        serve(endless(wav(draw_pcm(HELLO), size=FOREVER)), gone) as source,
        run_open_server(source_retry_ms=1) as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    assert code == 1011
    assert dialogue.finals == ["hello" * 3]
    assert "invalid stream" in dialogue.errors[0]


async def test_a_client_that_leaves_ends_the_fetch() -> None:
    stays = asyncio.Event()
    async with (
        serve(endless(wav(draw_pcm(HELLO), size=FOREVER), stays=stays)) as source,
        run_open_server() as server,
    ):
        async with server.dial(path_for(source)) as dialogue:
            while not dialogue.finals:
                await dialogue.next()
            (session,) = server.services.attachments
        await session.has_ended.wait()
        stays.set()

    assert dialogue.finals == ["hello" * 3]
