"""How a session that was asked for is come to, whatever happens while it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from scribewire.errors import BusyFault, ClientFault, CloseCode
from scribewire.testing.running import RunningServer, run_server

ASKING = '{"action":"start","key":"key-1"}'


class Places:
    """Stands for the places that all servers share: each is waited for until it is `decided`."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.is_decided = asyncio.Event()
        self.fault: Exception | None = None
        self.held = 0

    async def take(self, key_id: str, most: int | None, *, is_moved: bool = False) -> bool:
        self.is_asked.set()
        await self.is_decided.wait()
        if self.fault is not None:
            raise self.fault
        self.held += 1
        return True

    def give_back(self, key_id: str) -> None:
        self.held -= 1


def share(server: RunningServer, places: Places) -> None:
    server.services.keys.access.shared = places


async def test_nothing_is_listened_to_before_the_place_is_held(server: RunningServer) -> None:
    places = Places()
    share(server, places)
    async with server.dial("/v2/realtime") as client:
        await client.send(ASKING)
        await places.is_asked.wait()
        assert client.texts == []
        places.is_decided.set()
        assert (await client.next())["state"] == "listening"
        assert places.held == 1
        await client.send('{"action":"stop"}')
        assert await client.until_closed() == 1000
    async with asyncio.timeout(5):
        while places.held:  # noqa: ASYNC110 - the server's own task
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (ClientFault("not you"), 1008, "not you"),
        (BusyFault("not now"), 1013, "not now"),
        (RuntimeError("ours"), 1011, ""),
    ],
)
async def test_whatever_refuses_it_the_client_is_told(
    server: RunningServer, fault: Exception, code: int, words: str
) -> None:
    places = Places()
    places.fault = fault
    places.is_decided.set()
    share(server, places)
    async with server.dial("/v2/realtime") as client:
        await client.send(ASKING)
        assert await client.until_closed() == code
    assert words in client.errors[0]
    assert not any("state" in one for one in client.messages)


async def _drain(server: RunningServer) -> None:
    for attachment in server.services.attachments:
        attachment.announce_shutdown(2_000_000_000)


async def _end(server: RunningServer) -> None:
    for attachment in server.services.attachments:
        attachment.end(CloseCode.RESTART)


async def _cut_off(server: RunningServer) -> None:
    for attachment in server.services.attachments:
        attachment.cut_off(CloseCode.RESTART, at=2_000_000_000)


@pytest.mark.parametrize("happens", [_drain, _end, _cut_off])
@pytest.mark.parametrize("is_free", [True, False])
async def test_what_happens_meanwhile_waits_for_it(
    happens: Callable[[RunningServer], Awaitable[None]], is_free: bool
) -> None:
    places = Places()
    places.fault = None if is_free else BusyFault("not now")
    async with run_server() as server:
        share(server, places)
        async with server.dial("/v2/realtime") as client:
            await client.send(ASKING)
            await places.is_asked.wait()
            await happens(server)
            places.is_decided.set()
            code = await client.until_closed()

        assert code == (1012 if is_free or happens is _cut_off else 1013)
        assert not any("fault of the server" in one for one in client.errors)
