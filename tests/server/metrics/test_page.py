from __future__ import annotations

import re
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from scribewire.errors import ServerFault
from scribewire.runtime.observer import UNOBSERVED
from scribewire.testing.running import run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask
from tests.parts.programs import find_free_port

START, STOP = '{"action":"start"}', '{"action":"stop"}'


async def read_page(port: int) -> dict[str, float]:
    """Return the samples of the page, by how they stand there."""
    answer = await ask(port, "/metrics")
    assert answer.fields["content-type"].startswith("text/plain; version=")
    page = answer.body.decode()
    assert list(text_string_to_metric_families(page))
    lines = (line for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_a_session_stands_on_the_page_with_what_it_took() -> None:
    port = find_free_port()
    async with run_server(metrics_port=port) as server:
        async with server.dial() as client:
            await client.send(START, draw_pcm("..hello" + "." * 20))
            while not client.finals:
                await client.next()
            during = await read_page(port)
            await client.send(STOP)
            await client.until_closed()
        while server.services.attachments:
            await next(iter(server.services.attachments)).has_ended.wait()
        after = await read_page(port)

    usual = '{language="en",mode="fast"}'
    assert during[f"scribewire_sessions_open{usual}"] == 1
    assert after[f"scribewire_sessions_opened_total{usual}"] == 1
    assert after[f"scribewire_finals_total{usual}"] == 1
    assert after[f"scribewire_audio_seconds_total{usual}"] > 0.5
    assert after['scribewire_call_seconds_count{engine="shared",kind="vad"}'] >= 1
    assert after['scribewire_call_seconds_count{engine="ScriptedEngine",kind="final"}'] >= 1
    assert after['scribewire_closes_total{code="1000"}'] == 1
    assert after["process_resident_memory_bytes"] > 10**6


async def test_who_is_refused_is_counted_by_why() -> None:
    port = find_free_port()
    async with run_server(metrics_port=port, max_sessions=1) as server, server.dial():
        for path in ("/v2/realtime?token=wrong", "/nowhere", "/v2/realtime?token=key-1"):
            with pytest.raises(InvalidStatus):
                await connect(server.address.url + path, proxy=None)
        await ask(server.address.port, "/healthz", method="POST")
        page = await read_page(port)

    refused = {name: value for name, value in page.items() if "refusals_total" in name}
    assert refused == {
        'scribewire_refusals_total{reason="unknown token"}': 1,
        'scribewire_refusals_total{reason="not found"}': 1,
        'scribewire_refusals_total{reason="too many sessions"}': 1,
        'scribewire_refusals_total{reason="method not allowed"}': 1,
    }


async def test_a_source_that_cannot_be_used_is_counted_by_cause() -> None:
    port = find_free_port()
    async with run_server(metrics_port=port) as server:
        path = "/v2/client/key-1?url=http%3A%2F%2F127.0.0.1%3A9%2Fa"
        async with server.dial(path) as client:
            await client.send(START)
            await client.until_closed()
        page = await read_page(port)

    assert page['scribewire_source_faults_total{cause="stream address not allowed"}'] == 1


async def test_the_page_stands_on_its_own_port_alone() -> None:
    port = find_free_port()
    async with run_server(metrics_port=port) as server:
        assert (await ask(server.address.port, "/metrics")).status == 404
        assert (await ask(port, "/healthz")).status == 404
        assert (await ask(port, "/metrics", method="POST")).status == 405


async def test_without_a_port_nothing_is_counted() -> None:
    async with run_server() as server:
        assert server.services.observer is UNOBSERVED


async def test_a_port_that_is_taken_is_said_so_by_its_own_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ServerFault, match=r"another --metrics-port \(0 takes"):
            async with run_server(metrics_port=port):
                pass


async def test_a_free_port_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with run_server(metrics_port=0):
        (told,) = re.findall(r"= metrics at http://127\.0\.0\.1:(\d+)/metrics", caplog.text)

        assert (await read_page(int(told)))["scribewire_ready"] == 1
