from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from scribewire.runtime.look_up import LookUpThreads


async def test_a_name_of_this_machine_is_found() -> None:
    found = set(await LookUpThreads()("localhost", 80))

    assert found
    assert found <= {"127.0.0.1", "::1"}


async def test_a_name_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(socket.gaierror):
        await LookUpThreads()("", 80)  # nobody's name, for which no resolver is asked


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let names that begin with `slow` hang until this is set, and find all others here."""
    ask, released = socket.getaddrinfo, threading.Event()

    def slow(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is called
        if host.startswith("slow"):
            released.wait()
        return ask("127.0.0.1", *arguments, **options)

    # The resolver is no code of ours, and no test may ask a real one to hang.
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield released
    released.set()


async def test_names_that_hang_delay_no_other(released: threading.Event) -> None:
    look_up = LookUpThreads(count=8)
    hanging = [asyncio.create_task(look_up(f"slow{i}", 80)) for i in range(7)]

    assert await look_up("quick", 80) == ["127.0.0.1"]
    assert not any(task.done() for task in hanging)
    released.set()
    assert await asyncio.gather(*hanging) == [["127.0.0.1"]] * 7


async def test_those_that_hang_do_not_hold_the_process_and_are_counted(
    released: threading.Event,
) -> None:
    look_up = LookUpThreads(count=1)
    hanging = asyncio.create_task(look_up("slow", 80))
    waiting = asyncio.create_task(look_up("quick", 80))
    await asyncio.sleep(0)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)

    threads = [thread for thread in threading.enumerate() if thread.name == "look-up"]
    assert threads
    assert all(thread.daemon for thread in threads)
    assert not waiting.done()  # though who asked has gone, its thread is still taken
    released.set()
    assert await waiting == ["127.0.0.1"]
