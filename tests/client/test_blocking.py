from __future__ import annotations

import asyncio
import http
import inspect
import queue
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from scribewire.client import (
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
    asynchronous,
)
from scribewire.client.blocking import Client, connect

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

# The servers run in the event loop of the test, the client in a thread beside it.
in_thread = asyncio.to_thread


def receive_all(client: Client) -> tuple[list[Message], ClientError | None]:
    messages: list[Message] = []
    try:
        for message in client:
            messages.append(message)  # noqa: PERF402 - what came before an error counts
    except ClientError as error:
        return messages, error
    return messages, None


def fail_to_connect(
    url: str,
    *,
    key: str | None = KEY,
    timeout_s: float = 15,
    on_state_change: Callable[[ConnectionState], object] | None = None,
) -> ClientError:
    with (
        pytest.raises(ClientError) as raised,
        connect(url, key=key, timeout_s=timeout_s, on_state_change=on_state_change),
    ):
        pass
    return raised.value


def public_names(kind: type) -> dict[str, object]:
    """Return what a user sees of a class; `__anext__` and `__next__` are one name."""
    return {
        name.replace("__a", "__"): value
        for name, value in vars(kind).items()
        if not name.startswith("_") or name in {"__aiter__", "__iter__", "__anext__", "__next__"}
    }


def test_both_clients_have_the_same_names_and_choices() -> None:
    ours, theirs = public_names(Client), public_names(asynchronous.Client)

    assert ours.keys() == theirs.keys()
    for name in ours:
        parameters = [
            str(inspect.signature(value).parameters) if callable(value) else ""
            for value in (ours[name], theirs[name])
        ]
        assert parameters[0] == parameters[1], name
    assert (
        inspect.signature(connect).parameters == inspect.signature(asynchronous.connect).parameters
    )


# Against scripted servers.


async def test_a_scenario_gives_its_messages_then_its_error(
    peers: Peers, scenario: Scenario
) -> None:
    def program(url: str) -> list[tuple[list[Message], ClientError | None]]:
        with connect(url, key=KEY) as client:
            client.stop()
            return [receive_all(client), receive_all(client)]

    async with peers.playing(scenario.server()) as url:
        (messages, error), again = await in_thread(program, url)

    assert messages == scenario.messages
    assert (type(error), str(error)) == (type(scenario.error), str(scenario.error))
    assert (again[0], str(again[1])) == ([], str(error))


async def test_the_server_hears_key_choices_audio_and_stop_in_order(peers: Peers) -> None:
    server = peers.Scripted([LISTENING], [STOPPED])

    def program(url: str) -> list[bool]:
        with connect(url, key=KEY, mode="quality", language="en") as client:
            heard = [client.send_audio(b"\x01\x00" * 10_000), client.send_audio(b"")]
            client.stop()
            client.stop()
            heard.append(client.send_audio(b"\x02\x00"))
            receive_all(client)
            return heard

    async with peers.playing(server) as url:
        assert await in_thread(program, url) == [True, True, False]

    assert server.keys == [KEY]
    assert server.paths == ["/v2/realtime?type=quality&language=en&results=standard&resume=true"]
    assert (server.heard[0], server.heard[-1]) == (START, STOP)
    assert b"".join(m for m in server.heard if isinstance(m, bytes)) == b"\x01\x00" * 10_000


async def test_every_state_is_seen_in_order(peers: Peers) -> None:
    server = peers.Scripted(['{"state":"loading"}', LISTENING, PARTIAL], [FINAL, STOPPED])
    states: list[ConnectionState] = []
    later: list[ConnectionState] = []

    def program(url: str) -> None:
        with connect(url, key=KEY, on_state_change=states.append) as client:
            assert (client.state, client.session_id) == (ConnectionState.LISTENING, "5e55")
            client.on_state_change(later.append)
            client.stop()
            receive_all(client)
            assert client.state is ConnectionState.DISCONNECTED

    async with peers.playing(server) as url:
        await in_thread(program, url)

    assert [state.value for state in states] == [
        "connecting", "loading", "listening", "connected", "disconnected",
    ]  # fmt: skip
    assert later == states[3:]


async def test_a_stream_is_followed_to_its_end(peers: Peers) -> None:
    server = peers.Streaming([LOADING, LISTENING, PARTIAL, LOADING, FINAL, LISTENING, STOPPED])
    states: list[ConnectionState] = []

    def program(address: str) -> list[Message]:
        with connect(
            address,
            url="http://x/a",
            pace="realtime",
            key=KEY,
            on_state_change=states.append,
        ) as client:
            messages, error = receive_all(client)
        assert error is None
        return messages

    async with peers.playing(server) as address:
        messages = await in_thread(program, address)

    assert len(messages) == 2
    assert "/v2/client/-?pace=realtime&url=http%3A%2F%2Fx%2Fa&" in server.paths[0]
    assert [state.value for state in states] == [
        "connecting", "loading", "listening", "connected", "loading", "listening", "disconnected",
    ]  # fmt: skip


async def test_a_stream_can_be_stopped_but_takes_no_audio(peers: Peers) -> None:
    server = peers.Streaming([LOADING, LISTENING], on_stop=[FINAL, STOPPED])

    def program(address: str) -> None:
        with connect(address, url="http://x", key=KEY) as client:
            with pytest.raises(StreamModeError):
                client.send_audio(b"")
            client.stop()
            messages, error = receive_all(client)
        assert (len(messages), error) == (1, None)

    async with peers.playing(server) as address:
        await in_thread(program, address)

    assert server.heard == [STOP]


async def test_a_stream_that_cannot_be_opened_is_told(peers: Peers) -> None:
    server = peers.Streaming([LOADING, '{"error":"invalid stream: HTTP 404"}'], close=1008)

    def program(address: str) -> None:
        with (
            pytest.raises(SessionError, match="invalid stream: HTTP 404"),
            connect(address, url="http://x", key=KEY),
        ):
            pass

    async with peers.playing(server) as address:
        await in_thread(program, address)


def test_no_stream_is_told_without_connecting() -> None:
    with pytest.raises(MissingUrlError), connect("ws://127.0.0.1:1", url="", key=KEY):
        pass


async def test_a_state_callback_may_use_the_client(peers: Peers) -> None:
    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with connect(url, key=KEY) as client:
            client.on_state_change(lambda _: client.stop())
            return receive_all(client)

    async with peers.playing(peers.Scripted([LISTENING, PARTIAL], [FINAL, STOPPED])) as url:
        messages, error = await in_thread(program, url)

    assert [message.text for message in messages if isinstance(message, FinalResult)] == ["hello"]
    assert error is None


async def test_leaving_without_stop_closes_politely(peers: Peers) -> None:
    closed = asyncio.get_running_loop().create_future()

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(LISTENING)
        await websocket.wait_closed()
        closed.set_result(websocket.close_code)

    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with connect(url, key=KEY) as client:
            client.send_audio(b"\x00\x00")
        return receive_all(client)

    async with peers.playing(handler) as url:
        assert await in_thread(program, url) == ([], None)
        assert await closed == 1000


async def test_an_exception_of_the_user_passes_and_closes_politely(peers: Peers) -> None:
    closed = asyncio.get_running_loop().create_future()

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(LISTENING)
        await websocket.wait_closed()
        closed.set_result(websocket.close_code)

    def program(url: str) -> ConnectionState:
        with pytest.raises(ZeroDivisionError), connect(url, key=KEY) as client:
            raise ZeroDivisionError
        return client.state

    async with peers.playing(handler) as url:
        assert await in_thread(program, url) is ConnectionState.DISCONNECTED
        assert await closed == 1000


@pytest.mark.slow
async def test_leaving_is_quick_when_the_server_has_stopped_reading(peers: Peers) -> None:
    server = peers.Deaf()
    sending: queue.SimpleQueue[Future[bool]] = queue.SimpleQueue()

    def program(url: str) -> Future[bool]:
        with ThreadPoolExecutor(1) as threads, connect(url, key=KEY) as client:
            future = threads.submit(client.send_audio, bytes(32 * 1024 * 1024))
            with pytest.raises(TimeoutError):
                future.result(timeout=0.1)
            sending.put(future)
        return future

    async with peers.playing(server) as url:
        async with asyncio.timeout(5):
            future = await in_thread(program, url)
        server.may_go.set()

    assert future.result(timeout=0) is False


@pytest.mark.slow
async def test_audio_may_be_sent_far_ahead_of_reading_results(peers: Peers) -> None:
    server = peers.Clogged()
    audio = bytes(16 * 1024 * 1024)

    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with connect(url, key=KEY) as client:
            assert client.send_audio(audio)
            client.stop()
            return receive_all(client)

    async with peers.playing(server) as url:
        messages, error = await in_thread(program, url)

    assert (len(messages), error) == (server.results, None)
    assert server.bytes_heard == len(audio)


async def test_a_sender_is_told_that_nobody_listens_and_loses_no_result(peers: Peers) -> None:
    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with connect(url, key=KEY) as client:
            while client.send_audio(bytes(64 * 1024)):
                pass
            return receive_all(client)

    server = peers.Scripted([LISTENING, FINAL, '{"error":"bad audio"}'], close=1008)
    async with peers.playing(server, max_queue=None) as url:
        messages, error = await in_thread(program, url)

    assert messages == [FinalResult(text="hello", offset_ms=640)]
    assert isinstance(error, SessionError)


async def test_leaving_ends_the_iteration_of_another_thread(peers: Peers) -> None:
    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with ThreadPoolExecutor(1) as threads:
            with connect(url, key=KEY) as client:
                assert isinstance(next(client), FinalResult)
                receiving = threads.submit(receive_all, client)
            return receiving.result(timeout=5)

    async with peers.playing(peers.Silent(LISTENING, FINAL)) as url:
        assert await in_thread(program, url) == ([], None)


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
        error = await in_thread(fail_to_connect, url, timeout_s=0.05, on_state_change=states.append)

    assert isinstance(error, ConnectTimeoutError)
    assert error.state is state
    assert states[-1] is ConnectionState.ERROR


def test_a_server_that_does_not_even_answer_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        error = fail_to_connect(url, timeout_s=0.05)

    assert isinstance(error, ConnectTimeoutError)
    assert error.state is ConnectionState.CONNECTING


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    states: list[ConnectionState] = []

    error = fail_to_connect(url, on_state_change=states.append)

    assert isinstance(error, UnreachableError)
    assert states == [ConnectionState.CONNECTING, ConnectionState.ERROR]


def test_no_key_is_told_without_connecting() -> None:
    assert isinstance(fail_to_connect("ws://127.0.0.1:1", key=None), MissingTokenError)


async def test_a_redirect_does_not_take_the_key_along(peers: Peers) -> None:
    elsewhere = peers.Scripted([LISTENING])

    async with peers.playing(elsewhere) as target:

        def redirect(websocket: ServerConnection, _request: Request) -> Response:
            response = websocket.respond(http.HTTPStatus.FOUND, "")
            response.headers["Location"] = target
            return response

        async with serve(elsewhere, "127.0.0.1", 0, process_request=redirect) as server:
            port = server.sockets[0].getsockname()[1]
            error = await in_thread(fail_to_connect, f"ws://127.0.0.1:{port}")

    assert isinstance(error, RefusedError)
    assert error.status == 302
    assert elsewhere.keys == []
