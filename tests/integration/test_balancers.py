"""Several servers behind HAProxy, nginx and Envoy, by the files in deploy/: who gets whom."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from scribewire.testing.running import KEYS, RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.integration.test_resume import cut, listened, path_back, until_kept
from tests.parts.installed import need_part
from tests.parts.plain_http import ask
from tests.parts.private_authority import PrivateAuthority
from tests.parts.programs import find_free_port, wait_until
from tests.parts.proxies import run_envoy, run_haproxy, run_nginx

RunProxy: TypeAlias = Callable[..., AbstractAsyncContextManager[int]]
RunBalancer: TypeAlias = "Callable[..., AbstractAsyncContextManager[Balanced]]"

BALANCERS: dict[str, RunProxy] = {
    "envoy": run_envoy,
    "haproxy": run_haproxy,
    "nginx": run_nginx,
}
EXACT = ["haproxy", "nginx"]  # of two servers drawn by lot Envoy takes the one with fewer
PATH = f"/v2/realtime?token={KEYS[0]}"
START, STOP = '{"action":"start"}', '{"action":"stop"}'
SPOKEN, PAUSE = draw_pcm("..SSSSSSSSSSSSSSSSSSSS"), draw_pcm("." * 30)

pytestmark = pytest.mark.slow


class Balanced:
    """Servers and a balancer in front of them."""

    def __init__(self, port: int, servers: list[RunningServer], tls: ssl.SSLContext) -> None:
        self.port = port
        self.servers = servers
        self.tls = tls
        self._open = contextlib.AsyncExitStack()

    async def dial(self, path: str = PATH) -> RawClient:
        """Open a WebSocket through it, which stays until the end."""
        url = f"wss://127.0.0.1:{self.port}{path}"
        websocket = await self._open.enter_async_context(
            connect(url, proxy=None, ssl=self.tls, close_timeout=2)
        )
        return RawClient(websocket)

    async def ask(self, path: str) -> tuple[int, str]:
        """Return the status and the body of an answer."""
        answer = await ask(self.port, path, {"Host": "127.0.0.1"}, tls=self.tls)
        return answer.status, answer.body.decode()

    @property
    def carried(self) -> list[int]:
        """How many clients each server has."""
        return [len(one.services.attachments) for one in self.servers]

    def server_of_the_only_client(self) -> RunningServer:
        """Return the one that has a client."""
        (found,) = (one for one in self.servers if one.services.attachments)
        return found

    async def close(self) -> None:
        """Leave all WebSockets."""
        await self._open.aclose()


@pytest.fixture(params=sorted(BALANCERS))
def run_balancer(request: pytest.FixtureRequest, tmp_path: Path) -> RunBalancer:
    """What runs a balancer in front of ports."""
    need_part(request.param, "openssl")
    authority = PrivateAuthority.make(tmp_path / "authority")
    tls = ssl.create_default_context(cafile=authority.pem)
    run = partial(BALANCERS[request.param], tmp_path, pem=authority.certify("127.0.0.1"))
    return partial(balancing, run, tls)


@contextlib.asynccontextmanager
async def balancing(
    run: RunProxy,
    tls: ssl.SSLContext,
    *,
    count: int = 3,
    absent: int = 0,
    max_sessions: int | None = None,
) -> AsyncIterator[Balanced]:
    """Run so many servers with a balancer in front of them, and of some that are not there."""
    async with contextlib.AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(run_server(max_sessions=max_sessions))
            for _ in range(count)
        ]
        ports = [one.address.port for one in servers]
        ports += [find_free_port() for _ in range(absent)]
        port = await stack.enter_async_context(run(server_ports=ports))
        balanced = Balanced(port, servers, tls)
        stack.push_async_callback(balanced.close)
        yield balanced


async def hear(client: RawClient) -> None:
    """Begin a session, and wait for its first final."""
    await client.send(START, SPOKEN + PAUSE)
    await until_final(client, 1)


async def until_final(client: RawClient, count: int) -> None:
    async with asyncio.timeout(30):
        while len(client.finals) < count:
            await client.next()


@pytest.mark.parametrize("run_balancer", EXACT, indirect=True)
async def test_each_session_goes_to_the_server_that_has_fewest(run_balancer: RunBalancer) -> None:
    async with run_balancer() as balanced:
        for number in range(1, 7):
            await hear(await balanced.dial())
            assert max(balanced.carried) - min(balanced.carried) <= 1, number

        assert balanced.carried == [2, 2, 2]


async def test_who_is_refused_by_one_server_is_taken_by_another(run_balancer: RunBalancer) -> None:
    async with run_balancer(max_sessions=2) as balanced:
        full = balanced.servers[0]
        async with contextlib.AsyncExitStack() as beside:  # nobody has told the balancer of them
            for _ in range(2):
                await beside.enter_async_context(full.dial())
            for _ in range(4):
                await hear(await balanced.dial())

            assert balanced.carried == [2, 2, 2]


async def test_the_last_refusal_reaches_the_client(run_balancer: RunBalancer) -> None:
    async with run_balancer(max_sessions=1) as balanced:
        for _ in range(3):
            await balanced.dial()
        assert balanced.carried == [1, 1, 1]
        with pytest.raises(InvalidStatus) as refused:
            await balanced.dial()

    assert refused.value.response.status_code in (502, 503)


@pytest.mark.parametrize("run_balancer", ["haproxy"], indirect=True)
async def test_where_no_server_takes_anybody_haproxy_says_so_as_they_would(
    run_balancer: RunBalancer,
) -> None:
    async def is_known_to_be_full() -> bool:
        _, body = await balanced.ask("/v1/models")
        return "no server" in body

    async with run_balancer(max_sessions=1, count=2) as balanced:
        for _ in range(2):
            await balanced.dial()
        await wait_until(is_known_to_be_full, what=lambda: "it has not noticed")
        with pytest.raises(InvalidStatus) as refused:
            await balanced.dial()

    response = refused.value.response
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert set(json.loads(response.body)) == {"error", "message"}
    assert json.loads(response.body)["error"] == "too many sessions"


async def test_a_server_that_goes_down_gets_no_session_and_keeps_its_own(
    run_balancer: RunBalancer,
) -> None:
    async with run_balancer() as balanced:
        old = await balanced.dial()
        await hear(old)
        leaving = balanced.server_of_the_only_client()

        leaving.services.draining.begin()
        for _ in range(6):
            await hear(await balanced.dial())
        assert len(leaving.services.attachments) == 1

        await old.send(SPOKEN + PAUSE)
        await until_final(old, 2)
        await old.send(STOP)
        assert await old.until_closed() == 1000


async def test_a_server_that_is_gone_is_missed_by_nobody(run_balancer: RunBalancer) -> None:
    async with run_balancer(count=2, absent=1) as balanced:
        for _ in range(6):
            await hear(await balanced.dial())

        assert sum(balanced.carried) == 6


@pytest.mark.parametrize("run_balancer", ["haproxy"], indirect=True)
async def test_who_comes_back_is_led_to_the_server_that_has_the_session(
    run_balancer: RunBalancer,
) -> None:
    asking = f"{PATH}&resume=true"
    async with run_balancer() as balanced:
        for number in range(3):
            client = await balanced.dial(asking)
            listening = await listened(client)
            carried = balanced.carried
            cut(client)
            await until_kept(balanced.servers[carried.index(max(carried))])
            back = await balanced.dial(path_back(listening, 0))
            assert (await listened(back))["session_id"] == listening["session_id"], number
            await back.send(STOP)
            assert await back.until_closed() == 1000
