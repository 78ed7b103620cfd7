from __future__ import annotations

import asyncio
import http
import socket
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from scribewire.client import (
    Client,
    ClientError,
    ConnectionState,
    ConnectTimeoutError,
    FinalResult,
    Message,
    MissingTokenError,
    MissingUrlError,
    RefusedError,
    SessionError,
    StreamModeError,
    UnreachableError,
    connect,
)

if TYPE_CHECKING:
    from tests.client.conftest import Peers, Scenario

KEY = "key-1"

START, STOP = '{"action":"start"}', '{"action":"stop"}'
LISTENING = '{"state":"listening","session_id":"5e55"}'
STOPPED = '{"state":"stopped"}'
LOADING = '{"state":"loading"}'
PARTIAL = '{"text":"hel","is_final":false,"offset_ms":320,"stability":0.5}'
FINAL = '{"text":"hello","is_final":true,"offset_ms":640}'

UTTERANCE = "." * 10 + "hello" * 3 + "." * 20


async def receive_all(client: Client) -> tuple[list[Message], ClientError | None]:
    messages: list[Message] = []
    try:
        async for message in client:
            messages.append(message)  # noqa: PERF401 - what came before an error counts
    except ClientError as error:
        return messages, error
    return messages, None


# Against scripted servers.


async def test_a_scenario_gives_its_messages_then_its_error(
    peers: Peers, scenario: Scenario
) -> None:
    async with peers.playing(scenario.server()) as url, connect(url, key=KEY) as client:
        await client.stop()
        messages, error = await receive_all(client)
        again = await receive_all(client)

    assert messages == scenario.messages
    assert (type(error), str(error)) == (type(scenario.error), str(scenario.error))
    assert (again[0], str(again[1])) == ([], str(error))


async def test_the_server_hears_key_choices_audio_and_stop_in_order(peers: Peers) -> None:
    server = peers.Scripted([LISTENING], [STOPPED])

    async with (
        peers.playing(server) as url,
        connect(url, key=KEY, mode="quality", language="en") as client,
    ):
        assert await client.send_audio(b"\x01\x00" * 10_000)
        assert await client.send_audio(b"")
        await client.stop()
        await client.stop()
        assert not await client.send_audio(b"\x02\x00")
        await receive_all(client)

    assert server.keys == [KEY]
    assert server.paths == ["/v2/realtime?type=quality&language=en&results=standard&resume=true"]
    assert (server.heard[0], server.heard[-1]) == (START, STOP)
    assert b"".join(m for m in server.heard if isinstance(m, bytes)) == b"\x01\x00" * 10_000


async def test_every_state_is_seen_in_order(peers: Peers) -> None:
    server = peers.Scripted(['{"state":"loading"}', LISTENING, PARTIAL], [FINAL, STOPPED])
    states: list[ConnectionState] = []
    later: list[ConnectionState] = []

    async with (
        peers.playing(server) as url,
        connect(url, key=KEY, on_state_change=states.append) as client,
    ):
        assert (client.state, client.session_id) == (ConnectionState.LISTENING, "5e55")
        client.on_state_change(later.append)
        await client.stop()
        await receive_all(client)
        assert client.state is ConnectionState.DISCONNECTED

    assert [state.value for state in states] == [
        "connecting", "loading", "listening", "connected", "disconnected",
    ]  # fmt: skip
    assert later == states[3:]


async def test_a_stream_is_followed_to_its_end(peers: Peers) -> None:
    server = peers.Streaming([LOADING, LISTENING, PARTIAL, LOADING, FINAL, LISTENING, STOPPED])
    states: list[ConnectionState] = []

    async with (
        peers.playing(server) as address,
        connect(
            address,
            url="http://x/a?b=c",
            pace="realtime",
            key=KEY,
            on_state_change=states.append,
        ) as client,
    ):
        messages, error = await receive_all(client)

    assert (len(messages), error) == (2, None)
    (path,) = server.paths
    asked = "pace=realtime&url=http%3A%2F%2Fx%2Fa%3Fb%3Dc&results=standard&resume=true"
    assert path == f"/v2/client/-?{asked}"
    assert [state.value for state in states] == [
        "connecting", "loading", "listening", "connected", "loading", "listening", "disconnected",
    ]  # fmt: skip


async def test_a_stream_can_be_stopped_but_takes_no_audio(peers: Peers) -> None:
    server = peers.Streaming([LOADING, LISTENING], on_stop=[FINAL, STOPPED])

    async with (
        peers.playing(server) as address,
        connect(address, url="http://x", key=KEY) as client,
    ):
        with pytest.raises(StreamModeError):
            await client.send_audio(b"")
        await client.stop()
        messages, error = await receive_all(client)

    assert (len(messages), error) == (1, None)
    assert server.heard == [STOP]


async def test_a_stream_that_cannot_be_opened_is_told(peers: Peers) -> None:
    server = peers.Streaming([LOADING, '{"error":"invalid stream: HTTP 404"}'], close=1008)

    async with peers.playing(server) as address:
        with pytest.raises(SessionError, match="invalid stream: HTTP 404") as raised:
            async with connect(address, url="http://x", key=KEY):
                pass

    assert raised.value.code == 1008


async def test_no_stream_is_told_without_connecting() -> None:
    with pytest.raises(MissingUrlError):
        async with connect("ws://127.0.0.1:1", url="", key=KEY):
            pass


async def test_leaving_without_stop_closes_politely(peers: Peers) -> None:
    closed = asyncio.get_running_loop().create_future()

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(LISTENING)
        await websocket.wait_closed()
        closed.set_result(websocket.close_code)

    async with peers.playing(handler) as url:
        async with connect(url, key=KEY) as client:
            await client.send_audio(b"\x00\x00")
        assert await receive_all(client) == ([], None)

        assert await closed == 1000


async def test_an_exception_of_the_user_passes_and_closes(peers: Peers) -> None:
    async with peers.playing(peers.Silent(LISTENING)) as url:
        with pytest.raises(ZeroDivisionError):
            async with connect(url, key=KEY) as client:
                raise ZeroDivisionError

    assert client.state is ConnectionState.DISCONNECTED


@pytest.mark.slow
async def test_leaving_is_quick_when_the_server_has_stopped_reading(peers: Peers) -> None:
    server = peers.Deaf()

    async with peers.playing(server) as url:
        async with asyncio.timeout(5), connect(url, key=KEY) as client:
            sender = asyncio.create_task(client.send_audio(bytes(32 * 1024 * 1024)))
            await asyncio.wait([sender], timeout=0.1)
            assert not sender.done()

        assert not await sender
        server.may_go.set()


@pytest.mark.slow
async def test_audio_may_be_sent_far_ahead_of_reading_results(peers: Peers) -> None:
    server = peers.Clogged()
    audio = bytes(16 * 1024 * 1024)

    async with peers.playing(server) as url, connect(url, key=KEY) as client:
        assert await client.send_audio(audio)
        await client.stop()
        messages, error = await receive_all(client)

    assert (len(messages), error) == (server.results, None)
    assert server.bytes_heard == len(audio)


async def test_a_sender_is_told_that_nobody_listens_and_loses_no_result(peers: Peers) -> None:
    server = peers.Scripted([LISTENING, FINAL, '{"error":"bad audio"}'], close=1008)

    async with peers.playing(server, max_queue=None) as url, connect(url, key=KEY) as client:
        while await client.send_audio(bytes(64 * 1024)):
            pass
        messages, error = await receive_all(client)

    assert messages == [FinalResult(text="hello", offset_ms=640)]
    assert isinstance(error, SessionError)


# Openings that fail.


@pytest.mark.parametrize(
    ("texts", "state"),
    [((), ConnectionState.CONNECTING), (('{"state":"loading"}',), ConnectionState.LOADING)],
)
async def test_a_server_that_never_listens_is_a_timeout(
    peers: Peers, texts: tuple[str, ...], state: ConnectionState
) -> None:
    states: list[ConnectionState] = []

    async with peers.playing(peers.Silent(*texts)) as url:
        with pytest.raises(ConnectTimeoutError) as raised:
            async with connect(url, key=KEY, timeout_s=0.05, on_state_change=states.append):
                pass

    assert raised.value.state is state
    assert states[-1] is ConnectionState.ERROR


async def test_a_server_that_does_not_even_answer_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ConnectTimeoutError, match="still connecting"):
            async with connect(url, key=KEY, timeout_s=0.05):
                pass


async def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    states: list[ConnectionState] = []

    with pytest.raises(UnreachableError, match="is the server running there"):
        async with connect(url, key=KEY, on_state_change=states.append):
            pass

    assert states == [ConnectionState.CONNECTING, ConnectionState.ERROR]


async def test_no_key_is_told_without_connecting() -> None:
    with pytest.raises(MissingTokenError):
        async with connect("ws://127.0.0.1:1"):
            pass


async def test_a_redirect_does_not_take_the_key_along(peers: Peers) -> None:
    elsewhere = peers.Scripted([LISTENING])

    def redirect(websocket: ServerConnection, _request: Request) -> Response:
        response = websocket.respond(http.HTTPStatus.FOUND, "")
        response.headers["Location"] = target
        return response

    async with (
        peers.playing(elsewhere) as target,
        serve(elsewhere, "127.0.0.1", 0, process_request=redirect) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RefusedError, match="the server has moved"):
            await connect(f"ws://127.0.0.1:{port}", key=KEY).__aenter__()

    assert elsewhere.keys == []
