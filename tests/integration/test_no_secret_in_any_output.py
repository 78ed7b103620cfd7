"""What is secret is planted, sessions run, and all that a server puts out is searched for it."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from scribewire.cli.logs import configure_logs
from scribewire.server.spans import Spans
from scribewire.settings import LogFormat
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask
from tests.parts.programs import find_free_port

KEY, WRONG_KEY = "planted-key-41c7", "wrong-key-93ab"
PASSWORD, SIGNATURE = "planted-password-5d", "planted-signature-8e"
SPOKEN = "plantedwords"
START, STOP = '{"action":"start"}', '{"action":"stop"}'


@pytest.fixture
def restored_logs() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("scribewire")
    before = (root.handlers[:], root.level, own.level)
    yield
    root.handlers[:], root.level, own.level = before


async def hold(server: RunningServer, path: str, *offers: str) -> None:
    """Run a session in which the words are spoken, or be refused."""
    with contextlib.suppress(InvalidHandshake, ConnectionClosed):
        async with server.dial(path, offers=offers) as client:
            await client.send(START)
            if "url=" not in path:
                await client.send(draw_pcm(f"..{SPOKEN}" + "." * 20), STOP)
            await client.until_closed()
            assert client.finals in ([SPOKEN], [])


async def make_token(server: RunningServer) -> str:
    fields = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    answer = await ask(server.address.port, "/v1/tokens", fields, method="POST", body=b"{}")
    token: str = json.loads(answer.body)["token"]
    return token


async def put_out(log_format: LogFormat) -> tuple[str, str]:
    """Have everything said that there is to say; return metrics and traces, and a token."""
    configure_logs("debug", log_format)
    port, dead = find_free_port(), find_free_port()
    source = f"http://user:{PASSWORD}@127.0.0.1:{dead}/{SPOKEN}?sig={SIGNATURE}"
    exporter = InMemorySpanExporter()
    async with run_server(
        keys=(KEY,),
        metrics_port=port,
        allow_source=("127.0.0.1",),
        source_retry_ms=0,
        observer=Spans(SimpleSpanProcessor(exporter), {}),
    ) as server:
        token = await make_token(server)
        await hold(server, f"/v2/realtime?token={KEY}&{KEY}=1")
        await hold(server, "/v2/realtime", "token", token)
        await hold(server, f"/v2/realtime?token={WRONG_KEY}")
        await hold(server, f"/v2/client/{KEY}?url={quote(source, safe='')}")
        for attachment in list(server.services.attachments):
            await attachment.has_ended.wait()
        page = (await ask(port, "/metrics")).body.decode()
    spans = [span.to_json() for span in exporter.get_finished_spans()]
    assert len(spans) == 5  # three sessions, two finals
    return page + "".join(spans), token


@pytest.mark.slow
@pytest.mark.usefixtures("restored_logs")
@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_neither_log_nor_metrics_nor_traces_hold_what_is_secret(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    page, token = await put_out(log_format)

    output, log = capsys.readouterr()
    assert "= open /v2/realtime" in log
    assert "invalid stream" in log
    assert 'scribewire_finals_total{language="en",mode="fast"} 2.0' in page
    for secret in (KEY, WRONG_KEY, PASSWORD, SIGNATURE, SPOKEN, token, token.split(".")[-1]):
        assert secret not in output + log + page
    if log_format == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        assert all(line.keys() >= {"timestamp", "level", "logger", "event"} for line in lines)
        sessions = [line for line in lines if line["logger"] == "scribewire.session"]
        assert sessions
        assert all("session" in line for line in sessions)
