"""The Python client in stream mode, with a real server that pulls from a real origin."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from scribewire.client import (
    Client,
    ConnectionState,
    FinalResult,
    Message,
    MissingUrlError,
    SessionError,
    blocking,
    connect,
)
from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.raw_origin import HANG, Answer, RawOrigin, head, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

HELLO = "." * 70 + "hello" * 3 + "." * 20
WORLD = "." * 70 + "world" * 3 + "." * 20
HEARD = ["connecting", "loading", "listening", "connected", "disconnected"]


FILE = wav(draw_pcm(HELLO + WORLD))
LIVE = live(wav(draw_pcm(HELLO + WORLD), size=FOREVER))
ANSWERS = {
    "/talk.wav": ok(FILE),
    "/page": ok(b"<!doctype html>"),
    "/gone": head("404 Gone"),
    "/private": head("401 Who"),
}


@contextlib.asynccontextmanager
async def origin(*answers: Answer) -> AsyncIterator[RawOrigin]:
    """Run one with the paths above; all others get `answers` in turn."""
    async with run_raw_origin(*answers) as running:
        running.paths.update(ANSWERS)
        yield running


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with run_server(None, named_source="http://127.0.0.1", source_retry_ms=1) as running:
        yield running


async def follow(server: RunningServer, url: str, states: list[ConnectionState]) -> list[Message]:
    messages: list[Message] = []
    ours = connect(server.address.url, url=url, key=KEYS[0], on_state_change=states.append)
    async with ours as client:
        async for message in client:
            messages.append(message)  # noqa: PERF401 - kept when the session fails
    return messages


async def follow_in_a_thread(
    server: RunningServer, url: str, states: list[ConnectionState]
) -> list[Message]:
    def run() -> list[Message]:
        address, told = server.address.url, states.append
        with blocking.connect(address, url=url, key=KEYS[0], on_state_change=told) as client:
            return list(client)

    return await asyncio.to_thread(run)


Follow = Callable[[RunningServer, str, list[ConnectionState]], Awaitable[list[Message]]]
both = pytest.mark.parametrize("follow", [follow, follow_in_a_thread])


def finals(messages: list[Message]) -> list[str]:
    return [message.text for message in messages if isinstance(message, FinalResult)]


@both
async def test_a_file_is_followed_to_its_end(server: RunningServer, follow: Follow) -> None:
    states: list[ConnectionState] = []
    async with origin() as media:
        messages = await follow(server, media.url("/talk.wav"), states)

    assert finals(messages) == ["hello" * 3, "world" * 3]
    assert [state.value for state in states] == HEARD


@both
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/gone", "invalid stream: the server answered HTTP 404"),
        ("/private", "stream requires authentication: the server answered HTTP 401"),
        ("/page", "unsupported format: found an HTML page"),
    ],
)
async def test_what_cannot_be_heard_is_told_in_the_words_of_the_server(
    server: RunningServer, follow: Follow, path: str, words: str
) -> None:
    states: list[ConnectionState] = []
    async with origin() as media:
        with pytest.raises(SessionError) as raised:
            await follow(server, media.url(f"{path}?sig=s3cret"), states)

    assert raised.value.error.startswith(words)
    assert raised.value.code == 1008
    assert "s3cret" not in str(raised.value)
    assert states[-1] is ConnectionState.ERROR


@both
async def test_an_address_that_is_not_allowed_is_told(follow: Follow) -> None:
    async with run_server(None) as server, origin() as media:
        with pytest.raises(SessionError, match="stream address not allowed") as raised:
            await follow(server, media.url("/talk.wav"), [])

    assert raised.value.code == 1008


@both
async def test_a_missing_url_is_told_before_anything_is_sent(
    server: RunningServer, follow: Follow
) -> None:
    states: list[ConnectionState] = []
    with pytest.raises(MissingUrlError, match="missing stream URL"):
        await follow(server, "", states)

    assert states == []


async def test_a_live_stream_goes_on_until_it_is_stopped(server: RunningServer) -> None:
    texts: list[str] = []
    async with (
        origin((LIVE, HANG)) as media,
        connect(server.address.url, url=media.url(), key=KEYS[0]) as client,
    ):
        async for message in client:
            if isinstance(message, FinalResult):
                texts.append(message.text)
                await client.stop()

    assert texts[0] == "hello" * 3
    assert client.state is ConnectionState.DISCONNECTED


async def test_a_live_stream_that_does_not_come_back_ends_after_its_finals(
    server: RunningServer,
) -> None:
    leaves = asyncio.Event()
    texts: list[str] = []

    async def listen(client: Client) -> None:
        async for message in client:
            if isinstance(message, FinalResult):
                texts.append(message.text)
                leaves.set()

    async with (
        origin((LIVE, leaves), head("404 Gone")) as media,
        connect(server.address.url, url=media.url(), key=KEYS[0]) as client,
    ):
        with pytest.raises(SessionError, match="invalid stream") as raised:
            await listen(client)

    assert texts == ["hello" * 3, "world" * 3]
    assert raised.value.code == 1011
    assert client.state is ConnectionState.ERROR
