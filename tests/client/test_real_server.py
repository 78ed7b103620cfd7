"""Both clients against the real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from scribewire.client import (
    Client,
    ClientError,
    ClosedError,
    FinalResult,
    Message,
    RefusedError,
    SessionError,
    ShuttingDown,
    blocking,
    connect,
)
from scribewire.engines.engines import Engines
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_pcm
from scribewire.wishes import WishFields

KEY = "key-1"
UTTERANCE = "." * 10 + "hello" * 3 + "." * 20


async def receive_all(client: Client) -> tuple[list[Message], ClientError | None]:
    messages: list[Message] = []
    try:
        async for message in client:
            messages.append(message)  # noqa: PERF401 - what came before an error counts
    except ClientError as error:
        return messages, error
    return messages, None


def receive_all_blocking(client: blocking.Client) -> tuple[list[Message], ClientError | None]:
    messages: list[Message] = []
    try:
        for message in client:
            messages.append(message)  # noqa: PERF402 - what came before an error counts
    except ClientError as error:
        return messages, error
    return messages, None


@pytest.mark.parametrize("path", ["", "/v2/realtime", "/realtime"])
async def test_the_real_server_hears_what_is_said(server_url: str, path: str) -> None:
    async with connect(server_url + path, key=KEY, partials=False) as client:
        await client.send_audio(draw_pcm(UTTERANCE))
        await client.stop()
        messages, error = await receive_all(client)

    assert [message.text for message in messages if isinstance(message, FinalResult)] == [
        "hellohellohello"
    ]
    assert error is None


async def test_one_task_sends_while_another_receives(server_url: str) -> None:
    async with connect(server_url, key=KEY) as client, asyncio.TaskGroup() as tasks:
        receiving = tasks.create_task(receive_all(client))
        for character in UTTERANCE * 3:
            await client.send_audio(draw_pcm(character))
        await client.stop()

    messages, error = receiving.result()
    finals = [message for message in messages if isinstance(message, FinalResult)]
    assert [final.text for final in finals] == ["hellohellohello"] * 3
    assert error is None


REFUSALS: list[tuple[str, WishFields, ClientError]] = [
    # key, languages, what both clients raise
    ("key-9", {}, RefusedError(401, "unknown token")),
    (KEY, {"language": "nl"}, SessionError("language nl: no model on this server", 1008)),
    (KEY, {"languages": ("en", "nl")}, SessionError("languages nl: no model", 1008)),
    (KEY, {"language": "auto"}, SessionError("language auto: no model", 1008)),
]


@pytest.mark.parametrize(("key", "wishes", "expected"), REFUSALS)
async def test_a_refusal_is_the_same_error_of_both(
    server_url: str, key: str, wishes: WishFields, expected: ClientError
) -> None:
    def program() -> None:
        with blocking.connect(server_url, key=key, **wishes):
            pass

    with pytest.raises(type(expected)) as here:
        async with connect(server_url, key=key, **wishes):
            pass
    with pytest.raises(type(expected)) as there:
        await asyncio.to_thread(program)

    assert str(here.value) == str(there.value)
    assert str(here.value).startswith(str(expected))


async def test_a_restart_of_the_server_loses_no_final_and_is_told() -> None:
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    async with serving(Settings(port=0, keys=(KEY,)), engines) as (address, _):
        context = connect(address.url, key=KEY, resume=False)
        client = await context.__aenter__()
        for character in "hello" * 8:
            await client.send_audio(draw_pcm(character))
        await anext(client)  # a partial: the server has heard the utterance, and not its end
        receiving = asyncio.create_task(receive_all(client))
    messages, error = await receiving
    await context.__aexit__(None, None, None)

    final = messages[-1]
    assert isinstance(final, FinalResult)
    assert "hello" in final.text
    assert any(isinstance(message, ShuttingDown) for message in messages)
    assert isinstance(error, ClosedError)
    assert error.code == 1012


@pytest.mark.parametrize("path", ["", "/v2/realtime", "/realtime"])
async def test_the_blocking_client_too(server_url: str, path: str) -> None:
    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with blocking.connect(url, key=KEY, partials=False) as client:
            client.send_audio(draw_pcm(UTTERANCE))
            client.stop()
            return receive_all_blocking(client)

    messages, error = await asyncio.to_thread(program, server_url + path)

    assert [message.text for message in messages if isinstance(message, FinalResult)] == [
        "hellohellohello"
    ]
    assert error is None


async def test_one_thread_sends_while_another_receives(server_url: str) -> None:
    def program(url: str) -> tuple[list[Message], ClientError | None]:
        with ThreadPoolExecutor(1) as threads, blocking.connect(url, key=KEY) as client:
            receiving = threads.submit(receive_all_blocking, client)
            for character in UTTERANCE * 3:
                client.send_audio(draw_pcm(character))
            client.stop()
            return receiving.result(timeout=30)

    messages, error = await asyncio.to_thread(program, server_url)

    finals = [message for message in messages if isinstance(message, FinalResult)]
    assert [final.text for final in finals] == ["hellohellohello"] * 3
    assert error is None


# What it loads.

FORBIDDEN = ["numpy", "av", "onnxruntime", "starlette", "soxr", "pydantic"]


@pytest.mark.slow
def test_the_clients_load_no_numpy_no_engine_and_no_web_framework() -> None:
    program = (
        "import sys, scribewire.client, scribewire.client.blocking\n"
        f"print([name for name in {FORBIDDEN} if name in sys.modules])"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"
