"""Server processes that share a port: who serves whom, what dies, and how all of it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scribewire.cli.exits import ExitCode
from scribewire.grants import Grant
from scribewire.keys.books import KeyBooks
from scribewire.testing.scripted import draw_pcm
from tests.parts.installed import need_part
from tests.parts.plain_http import ask
from tests.parts.programs import find_free_port, wait_until
from tests.parts.scripted_processes import PROGRAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

START, STOP = '{"action":"start"}', '{"action":"stop"}'
KEY = "a-key-of-the-test"
DEFAULTS = {"KEYS": KEY, "PORT": "0", "PROCESSES": "2", "MAX_FINAL_LATENCY_MS": "0"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


@pytest.fixture(autouse=True)
def program() -> None:
    need_part("nats-server")


@dataclass
class Processes:
    """The program that was started, and what it and its servers have logged."""

    process: Process
    url: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == name]

    @property
    def servers(self) -> dict[int, int]:
        """The process ids of those that were started last, by their numbers."""
        return {line["number"]: line["pid"] for line in self.events("process_started")}

    def served(self) -> tuple[int, int]:
        """Return how many sessions each of two has had."""
        by = Counter(line["process"] for line in self.events("opened"))
        return by[1], by[2]

    async def read_log(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            try:
                self.log.append(json.loads(line))
            except ValueError:
                raise AssertionError(line.decode()) from None

    async def until(self, is_so: Callable[[], bool]) -> None:
        async def ask_it() -> bool:
            return is_so()

        await wait_until(ask_it, what=lambda: json.dumps(self.log, indent=1))


@contextlib.asynccontextmanager
async def running(**environment: str) -> AsyncIterator[Processes]:
    """Run two servers, unless told otherwise, and give them when all listen."""
    settings = {f"SCRIBEWIRE_{name}": value for name, value in {**DEFAULTS, **environment}.items()}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "SCRIBEWIRE_LOG_FORMAT": "json", **settings},
    )
    found = Processes(process)
    reading = asyncio.create_task(found.read_log())
    try:
        assert process.stdout is not None
        found.url = (await process.stdout.readline()).decode().strip()
        if not found.url:
            await reading
            raise AssertionError(found.log)
        yield found
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading  # the servers have the same standard error: this is when they have gone


@contextlib.asynccontextmanager
async def clients(url: str, count: int) -> AsyncIterator[list[ClientConnection]]:
    """Hold so many sessions that came at once."""
    async with contextlib.AsyncExitStack() as owned:
        dialled = [connect(f"{url}/v2/realtime?token={KEY}", proxy=None) for _ in range(count)]
        opened = await asyncio.gather(*(owned.enter_async_context(one) for one in dialled))
        for one in opened:
            await one.send(START)
            await one.recv()
        yield opened


async def say_hello(websocket: ClientConnection) -> None:
    """Say something and stop, if the connection is still there."""
    with contextlib.suppress(ConnectionClosed):
        await websocket.send(draw_pcm("..hello" + "." * 20))
        await websocket.send(STOP)


async def finals_of(websocket: ClientConnection) -> list[str]:
    """Return the finals that come until the close."""
    found = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = json.loads(await websocket.recv())
            if message.get("is_final"):
                found.append(message["text"])
    return found


async def hear_at_once(found: Processes, count: int) -> list[list[str]]:
    """Return the finals of so many sessions that came at once and said hello."""
    async with clients(found.url, count) as opened:
        for one in opened:
            await say_hello(one)
        finals = await asyncio.gather(*map(finals_of, opened))
    await found.until(lambda: len(found.events("opened")) == count)
    return finals


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def read_of_process(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text("utf-8")


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_sessions_that_come_at_once_are_shared_out_and_get_their_finals() -> None:
    shares: list[int] = []
    async with running() as found:
        # One that gets no core in that moment leaves all of them to the other, as it should.
        while len(shares) < 5 and max(shares, default=0) < 3:
            found.log.clear()
            assert await hear_at_once(found, 12) == [["hello"]] * 12
            shares.append(min(found.served()))
        found.process.send_signal(signal.SIGTERM)
        code = await found.process.wait()

    assert max(shares) >= 3, shares
    assert code == ExitCode.DONE


async def test_who_has_no_place_leaves_clients_to_the_other_until_both_are_full() -> None:
    async with running(MAX_SESSIONS="5", PLACE_WAIT_MS="0") as found:
        async with clients(found.url, 5):
            with pytest.raises(InvalidStatus, match="503") as refused:
                await connect(f"{found.url}/v2/realtime?token={KEY}", proxy=None)
        await found.until(lambda: len(found.events("opened")) == 5)

    assert sorted(found.served()) == [2, 3]
    assert json.loads(refused.value.response.body)["message"] == (
        "all places of this server are taken"
    )


async def test_a_token_is_good_at_each_of_them() -> None:
    async with running() as found:
        made = await ask(found.port, "/v1/tokens", {"x-api-key": KEY}, method="POST")
        token = json.loads(made.body)["token"]
        async with contextlib.AsyncExitStack() as owned:
            for _ in range(6):
                dialled = connect(f"{found.url}/v2/realtime?token={token}", proxy=None)
                await owned.enter_async_context(dialled)
            await found.until(lambda: len(found.events("opened")) == 6)

    assert min(found.served()) >= 1


async def test_one_that_is_killed_is_started_again_and_the_other_goes_on() -> None:
    async with running() as found:
        async with clients(found.url, 8) as opened:
            await found.until(lambda: len(found.events("opened")) == 8)
            lost, left = found.served()
            first = found.servers[1]
            os.kill(first, signal.SIGKILL)
            await found.until(lambda: found.servers[1] != first)
            for one in opened:
                await say_hello(one)
            finals = await asyncio.gather(*(finals_of(one) for one in opened))
            async with clients(found.url, 1):  # nobody waits for the one that is not there
                pass
        await found.until(lambda: len(found.events("cluster_joined")) == 3)
        (ended,) = found.events("process_ended")

    assert lost
    assert left
    assert sorted(finals) == [[]] * lost + [["hello"]] * left
    assert (ended["number"], ended["code"]) == (1, -signal.SIGKILL)


async def test_one_that_is_told_to_end_is_started_again_without_the_others() -> None:
    async with running() as found:
        first, second = found.servers[1], found.servers[2]
        os.kill(first, signal.SIGTERM)
        os.kill(first, signal.SIGTERM)  # does not count as two
        await found.until(lambda: found.servers[1] != first)
        (ended,) = found.events("process_ended")

    assert (ended["number"], ended["code"]) == (1, 0)
    assert found.servers[2] == second
    assert not found.events("cut_off")


@pytest.mark.parametrize(
    ("signals", "code", "finals"),
    [
        ((signal.SIGTERM,), ExitCode.DONE, ["hello"]),
        ((signal.SIGINT,), ExitCode.DONE, ["hello"]),
        ((signal.SIGTERM, signal.SIGINT), ExitCode.INTERRUPTED, []),
        ((signal.SIGINT, signal.SIGTERM), ExitCode.TERMINATED, []),
    ],
)
async def test_signals_end_all_of_them(
    signals: tuple[signal.Signals, ...], code: ExitCode, finals: list[str]
) -> None:
    async with running(DRAIN_TIMEOUT_MS="9000") as found:
        ids = [*found.servers.values(), *children_of(found.process.pid)]
        async with clients(found.url, 2) as opened:
            for one in opened:
                await one.send(draw_pcm("..hello"))
            for number in signals:
                found.process.send_signal(number)
                await found.until(lambda: len(found.events("stopping")) == 2)
            told = await asyncio.gather(*(finals_of(one) for one in opened))
        ended = await found.process.wait()

    assert ended == code
    if len(signals) == 1:
        assert told == [finals, finals]
    assert [pid for pid in ids if is_alive(pid)] == []


async def test_when_it_is_killed_all_that_it_has_started_ends() -> None:
    async with running(PORT=str(find_free_port())) as found:
        ids = children_of(found.process.pid)
        async with clients(found.url, 2) as opened:
            for one in opened:
                await one.send(draw_pcm("..hello"))
            found.process.kill()
            finals = await asyncio.gather(*(finals_of(one) for one in opened))
        await found.until(lambda: not any(is_alive(pid) for pid in ids))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", found.port)

    assert len(ids) == 3  # two servers and NATS
    assert finals == [["hello"], ["hello"]]


async def test_an_operator_takes_all_of_them_down(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    books = KeyBooks.open(database)
    admin = books.store.create(Grant(name="operator", is_admin=True), now=time.time()).key
    books.close()
    async with running(DATABASE=database) as found:
        answer = await ask(found.port, "/v1/admin/drain", {"x-api-key": admin}, method="POST")
        code = await found.process.wait()

    assert (answer.status, code) == (202, ExitCode.DONE)
    assert len(found.events("stopping")) == 2
    assert not found.events("process_ended")


async def test_each_tells_its_own_metrics() -> None:
    port = find_free_port()
    async with running(METRICS_PORT=str(port)) as found, clients(found.url, 4):
        pages = [(await ask(port + at, "/metrics")).body.decode() for at in (0, 1)]

    told = [re.search(r"^scribewire_connections_open (\d+)", page, re.MULTILINE) for page in pages]
    assert sum(int(one[1]) for one in told if one is not None) == 4


async def test_the_secret_of_their_nats_and_keys_are_nowhere_to_be_read() -> None:
    async with running() as found:
        pids = [found.process.pid, *children_of(found.process.pid)]
        lines = [read_of_process(pid, "cmdline") for pid in pids]
        inherited = [read_of_process(pid, "environ") for pid in children_of(pids[0])]
        assert len(pids) == 4

    assert not any("nats://" in text for text in [*lines, *inherited])
    assert not any(KEY in text for text in lines)
    assert not any("nats://" in str(line) and "@" in str(line) for line in found.log)
