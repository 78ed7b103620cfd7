"""Behind a proxy, by the files in deploy/: TLS there, and everything else as without."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from scribewire import client
from scribewire.server.page import SAFETY
from scribewire.testing.running import KEYS, RawClient, RunningServer
from scribewire.testing.scripted import draw_pcm
from tests.parts.installed import need_part
from tests.parts.page_rules import links_in
from tests.parts.plain_http import ask
from tests.parts.private_authority import PrivateAuthority
from tests.parts.programs import find_free_port
from tests.parts.proxies import run_caddy, run_envoy, run_haproxy, run_nginx

RunProxy: TypeAlias = Callable[..., AbstractAsyncContextManager[int]]

PROXIES: dict[str, RunProxy] = {
    "caddy": run_caddy,
    "envoy": run_envoy,
    "haproxy": run_haproxy,
    "nginx": run_nginx,
}
BELOW_A_PATH = ["caddy", "nginx"]  # whose files are for a site that has other things too
SPOKEN = draw_pcm("..SSSSSSSSSSSSSSSSSSSS")
PAUSE = draw_pcm("............")
PLANTED = "planted-key-7c1f"
SHOWN: list[tuple[str, dict[str, Any]]] = [  # wherever a key may stand
    (f"/v2/realtime?token={PLANTED}", {}),
    (f"/v2/client/{PLANTED}?url=http://a.example/?key={PLANTED}", {}),
    ("/v2/realtime", {"additional_headers": {"X-Api-Key": PLANTED, "Referer": f"?key={PLANTED}"}}),
    ("/v2/realtime", {"subprotocols": [Subprotocol("token"), Subprotocol(PLANTED)]}),
]
FROM = "127.0.0.5"  # not one of those that are taken for a proxy


@pytest.fixture(params=sorted(PROXIES))
def run_proxy(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunProxy:
    """What runs a proxy, with a certificate that is trusted, in front of a port."""
    need_part(request.param, "openssl")
    authority = PrivateAuthority.make(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.pem))
    return partial(PROXIES[request.param], tmp_path, pem=authority.certify("127.0.0.1"))


@pytest.fixture
async def proxied(run_proxy: RunProxy, server: RunningServer) -> AsyncIterator[str]:
    """The address of a proxy in front of the server."""
    async with run_proxy(server_ports=[server.address.port]) as port:
        yield f"wss://127.0.0.1:{port}"


@pytest.mark.slow
async def test_results_come_through_as_they_are_made_and_the_client_is_known(
    proxied: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scribewire.session")
    url = f"{proxied}/v2/realtime?token={KEYS[0]}"
    async with connect(url, proxy=None, local_addr=(FROM, 0)) as websocket, asyncio.timeout(30):
        one = RawClient(websocket)
        await one.send('{"action":"start"}', SPOKEN)
        while not any("is_final" in message for message in one.messages):
            await one.next()  # though nothing more is said: nobody holds anything back
        await one.send(PAUSE, '{"action":"stop"}')
        assert await one.until_closed() == 1000

    assert one.finals
    assert f"client {FROM}" in caplog.text

    async with client.connect(proxied, key=KEYS[0]) as other:
        await other.send_audio(SPOKEN + PAUSE)
        await other.stop()
        heard = [message async for message in other]
    assert [m.text for m in heard if isinstance(m, client.FinalResult)] == one.finals


@pytest.mark.slow
async def test_pages_of_the_same_origin_are_known_behind_a_proxy(proxied: str) -> None:
    host = proxied.removeprefix("wss://")
    url = f"{proxied}/v2/realtime?token={KEYS[0]}"

    async with connect(url, proxy=None, origin=Origin(f"https://{host}")):
        pass
    with pytest.raises(InvalidStatus, match="403"):
        async with connect(url, proxy=None, origin=Origin("https://a.example")):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("run_proxy", BELOW_A_PATH, indirect=True)
async def test_the_page_and_its_server_are_reached_below_a_path(
    run_proxy: RunProxy, server: RunningServer
) -> None:
    tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    async with run_proxy(server_ports=[server.address.port], below="/captions/") as port:
        host = f"127.0.0.1:{port}"
        bare = await ask(port, "/captions", {"Host": host}, tls=tls)
        seen, waiting = dict[str, int](), ["/captions/"]
        while waiting:
            path = waiting.pop()
            if path not in seen:
                answer = await ask(port, path, {"Host": host}, tls=tls)
                seen[path] = answer.status
                name = "index.html" if path.endswith("/") else path
                waiting += [urljoin(path, one) for one in links_in(name, answer.body.decode())]
        told = await ask(
            port, f"/captions/v1/models?origin=https://{host}", {"Host": host}, tls=tls
        )
        url = f"wss://{host}/captions/v2/realtime?token={KEYS[0]}"
        async with connect(url, proxy=None, origin=Origin(f"https://{host}")) as websocket:
            one = RawClient(websocket)
            await one.send('{"action":"start"}', '{"action":"stop"}')
            assert await one.until_closed() == 1000

    # Links are relative, so the slash must be there.
    assert bare.status in (301, 302)
    assert urlsplit(bare.fields["location"]).path == "/captions/"
    assert {*seen.values()} == {200}
    assert {path.split("/")[2] for path in seen} == {"", "page", "sdk"}
    assert answer.fields["content-security-policy"] == SAFETY["Content-Security-Policy"]
    assert json.loads(told.body)["origin_allowed"] is True


@pytest.mark.slow
async def test_no_log_of_a_proxy_holds_a_key_though_its_server_is_down(
    run_proxy: RunProxy, tmp_path: Path
) -> None:
    async with run_proxy(server_ports=[find_free_port()]) as port:
        for target, shown in SHOWN:
            with pytest.raises(InvalidStatus, match=r"50[23]"):
                await connect(f"wss://127.0.0.1:{port}{target}", proxy=None, **shown)

    names, holding = read_everything(tmp_path)
    assert any(name.endswith(".log") for name in names)
    assert holding == []


def read_everything(folder: Path) -> tuple[list[str], list[str]]:
    """Return which files there are, and which of them hold the key."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    holding = [path.name for path in files if PLANTED.encode() in path.read_bytes()]
    return [path.name for path in files], holding
