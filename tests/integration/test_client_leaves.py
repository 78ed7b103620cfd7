"""Who leaves a Python client that is coming back to its session leaves at once, and whole."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

import pytest

from scribewire.client import ConnectionState, Message, ResumePolicy, blocking, connect
from scribewire.testing.running import KEYS, run_server
from tests.parts.cutting_proxy import NEVER, Cut, CuttingProxy, run_cutting_proxy

PIECE_BYTES = 3200
PATIENCE_S = 20.0
QUICK = ResumePolicy(first_delay_s=0.001, most_delay_s=0.01)
LATER = ResumePolicy(first_delay_s=60, most_delay_s=60, give_up_after_s=600)


def cutting(port: int, plans: list[Cut]) -> AbstractAsyncContextManager[CuttingProxy]:
    return run_cutting_proxy(port, [NEVER, *plans])


LEAVING = [
    pytest.param([], LATER, id="backing off"),
    pytest.param([Cut(after_sent=0, is_silent=True)], QUICK, id="in a handshake"),
]


@pytest.mark.parametrize(("plans", "policy"), LEAVING)
async def test_leaving_while_it_comes_back_is_quick(plans: list[Cut], policy: ResumePolicy) -> None:
    tasks_before = asyncio.all_tasks()
    async with (
        run_server() as server,
        run_cutting_proxy(server.address.port, [NEVER, *plans]) as proxy,
    ):
        lost = asyncio.Event()

        async def read() -> list[Message]:
            return [message async for message in client]

        async with connect(
            f"ws://127.0.0.1:{proxy.port}",
            key=KEYS[0],
            resume=policy,
            on_reconnecting=lambda _: lost.set(),
        ) as client:
            reading = asyncio.create_task(read())
            proxy.cut_all()
            async with asyncio.timeout(PATIENCE_S):
                await lost.wait()
            while proxy.connections <= len(plans):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)
            states = [client.state]
            assert await client.send_audio(bytes(PIECE_BYTES))
        async with asyncio.timeout(1):
            assert await reading == []
        states.append(client.state)

    assert states == [ConnectionState.CONNECTING, ConnectionState.DISCONNECTED]
    assert asyncio.all_tasks() == tasks_before


@pytest.mark.parametrize(("plans", "policy"), LEAVING)
async def test_leaving_while_it_comes_back_is_quick_in_threads(
    plans: list[Cut], policy: ResumePolicy
) -> None:
    threads_before = set(threading.enumerate())
    lost = threading.Event()

    def program(proxy: CuttingProxy, cut: Callable[[], object]) -> list[Message]:
        with ThreadPoolExecutor(1) as threads:
            with blocking.connect(
                f"ws://127.0.0.1:{proxy.port}",
                key=KEYS[0],
                resume=policy,
                on_reconnecting=lambda _: lost.set(),
            ) as client:
                reading = threads.submit(list[Message], client)
                cut()
                assert lost.wait(PATIENCE_S)
                while proxy.connections <= len(plans):
                    time.sleep(0.001)
                assert client.send_audio(bytes(PIECE_BYTES))
            messages = reading.result(timeout=1)
            assert client.state is ConnectionState.DISCONNECTED
            return messages

    async with (
        run_server() as server,
        run_cutting_proxy(server.address.port, [NEVER, *plans]) as proxy,
    ):
        loop = asyncio.get_running_loop()
        cut = lambda: loop.call_soon_threadsafe(proxy.cut_all)  # noqa: E731 - it is short
        assert await asyncio.to_thread(program, proxy, cut) == []

    begun = set(threading.enumerate()) - threads_before
    assert not [one for one in begun if "recv_events" in one.name or "keepalive" in one.name]
