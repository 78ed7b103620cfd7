"""Both Python clients go on by themselves with a session whose connection is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scribewire.client import (
    ClosedError,
    ConnectionState,
    FinalResult,
    Message,
    Reconnecting,
    ResumePolicy,
    SessionLostError,
    blocking,
    connect,
)
from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.cutting_proxy import Cut, CuttingProxy, random_cuts, run_cutting_proxy
from tests.parts.origin import run_origin
from tests.parts.wav import wav

SAID = "..hello" + "." * 20 + "again" + "." * 20 + "third" + "." * 25
WORDS = ["hello", "again", "third"]
PIECE_BYTES = 3200
FIRST_CUT_BYTES = 600  # behind the first handshake: who cannot even begin is told so
QUICK = ResumePolicy(first_delay_s=0.001, most_delay_s=0.01, give_up_after_s=20)
PATIENCE_S = 20.0

pytestmark = pytest.mark.slow


@dataclass
class Seen:
    """What a user has seen of one session."""

    finals: list[FinalResult] = field(default_factory=list)
    states: list[ConnectionState] = field(default_factory=list)
    attempts: list[Reconnecting] = field(default_factory=list)
    sent_bytes: int = 0

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.finals]

    def note(self, message: Message) -> None:
        if isinstance(message, FinalResult):
            self.finals.append(message)


@dataclass(frozen=True)
class Program:
    """What a client does: it sends all pieces, says `stop`, and reads all meanwhile."""

    url: str
    pieces: tuple[bytes, ...]
    resume: bool | ResumePolicy = QUICK
    source: str | None = None
    pause_s: float = 0
    """Between pieces."""


async def in_a_task(program: Program, seen: Seen) -> None:
    async def send() -> None:
        for piece in program.pieces:
            seen.sent_bytes += len(piece) if await client.send_audio(piece) else 0
            await asyncio.sleep(program.pause_s)
        await client.stop()

    async with connect(
        program.url,
        key=KEYS[0],
        resume=program.resume,
        on_state_change=seen.states.append,
        on_reconnecting=seen.attempts.append,
        url=program.source,
    ) as client:
        sending = asyncio.create_task(send() if program.source is None else asyncio.sleep(0))
        try:
            async for message in client:
                seen.note(message)
        finally:
            await sending


async def in_threads(program: Program, seen: Seen) -> None:
    def send(client: blocking.Client) -> None:
        for piece in program.pieces:
            seen.sent_bytes += len(piece) if client.send_audio(piece) else 0
            time.sleep(program.pause_s)
        client.stop()

    def run() -> None:
        with (
            ThreadPoolExecutor(1) as threads,
            blocking.connect(
                program.url,
                key=KEYS[0],
                resume=program.resume,
                on_state_change=seen.states.append,
                on_reconnecting=seen.attempts.append,
                url=program.source,
            ) as client,
        ):
            sending = threads.submit(send, client) if program.source is None else None
            for message in client:
                seen.note(message)
            if sending is not None:
                sending.result(PATIENCE_S)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(run)


Run = Callable[[Program, Seen], Awaitable[None]]
both = pytest.mark.parametrize("run", [in_a_task, in_threads])


@pytest.fixture(scope="module")
def pieces() -> tuple[bytes, ...]:
    return cut_up(draw_pcm(SAID))


def cut_up(pcm: bytes) -> tuple[bytes, ...]:
    return tuple(pcm[at : at + PIECE_BYTES] for at in range(0, len(pcm), PIECE_BYTES))


@contextlib.asynccontextmanager
async def cutting(server: RunningServer, plans: Iterable[Cut]) -> AsyncIterator[CuttingProxy]:
    async with run_cutting_proxy(server.address.port, plans) as proxy:
        yield proxy


def url_of(proxy: CuttingProxy) -> str:
    return f"ws://127.0.0.1:{proxy.port}"


async def undisturbed(server: RunningServer, pieces: tuple[bytes, ...]) -> list[FinalResult]:
    seen = Seen()
    await in_a_task(Program(server.address.url, pieces), seen)
    return seen.finals


def plans_of(seed: int, length: int) -> Iterator[Cut]:
    """Return cuts from behind the first handshake on."""
    first = FIRST_CUT_BYTES + random.Random(seed).randrange(length)
    return itertools.chain(
        [Cut(after_sent=first, name="first")], random_cuts(seed, count=5, most_bytes=length)
    )


@both
@pytest.mark.parametrize("seed", range(12))
async def test_wherever_it_is_cut_the_finals_are_those_of_an_undisturbed_run(
    pieces: tuple[bytes, ...], seed: int, run: Run
) -> None:
    seen = Seen()
    async with run_server() as server:
        expected = await undisturbed(server, pieces)
        plans = plans_of(seed, sum(map(len, pieces)))
        async with cutting(server, plans) as proxy:
            await run(Program(url_of(proxy), pieces), seen)
            assert proxy.cuts > 0

    assert seen.finals == expected
    assert [one.number for one in seen.finals] == [1, 2, 3]
    assert seen.states[-1] is ConnectionState.DISCONNECTED
    assert ConnectionState.ERROR not in seen.states
    assert len(seen.attempts) >= 1


@both
@pytest.mark.parametrize("words", [b'"number":3', b'"stopped"'])
async def test_what_was_said_last_is_not_lost_with_the_close(
    pieces: tuple[bytes, ...], words: bytes, run: Run
) -> None:
    seen = Seen()
    async with run_server() as server, cutting(server, [Cut(at_words=words)]) as proxy:
        await run(Program(url_of(proxy), pieces), seen)
        assert proxy.cuts == 1

    assert seen.texts == WORDS


@both
async def test_a_network_that_has_fallen_silent_is_left(
    pieces: tuple[bytes, ...], run: Run
) -> None:
    seen = Seen()
    policy = ResumePolicy(first_delay_s=0.001, silence_s=0.5)
    async with run_server() as server:
        silent = Cut(after_sent=20_000, is_silent=True)
        async with cutting(server, [silent]) as proxy:
            await run(Program(url_of(proxy), pieces, policy, pause_s=0.02), seen)

    assert seen.texts == WORDS
    assert len(seen.attempts) >= 1


@both
async def test_a_stream_goes_on_and_no_final_of_it_is_lost(
    pieces: tuple[bytes, ...], tmp_path: Path, run: Run
) -> None:
    (tmp_path / "said.wav").write_bytes(wav(b"".join(pieces)))
    seen = Seen()
    async with run_origin(tmp_path) as origin, run_server(allow_source=("127.0.0.1",)) as server:
        plans = [
            Cut(at_words=b'"number":1'),
            Cut(is_at_accept=True),
            Cut(at_words=b'"listening"'),
            Cut(at_words=b'"number":2'),
        ]
        async with cutting(server, plans) as proxy:
            await run(Program(url_of(proxy), (), source=origin.url("said.wav")), seen)

    assert seen.texts == WORDS
    assert seen.states[-1] is ConnectionState.DISCONNECTED


@both
async def test_who_comes_back_too_late_is_told_how_much_was_lost(
    pieces: tuple[bytes, ...], run: Run
) -> None:
    seen = Seen()
    late = ResumePolicy(first_delay_s=0.3)
    plans = [Cut(at_words=b'"number":1')]
    async with run_server(resume_window_ms=1) as server, cutting(server, plans) as proxy:
        with pytest.raises(SessionLostError, match="no such session") as raised:
            await run(Program(url_of(proxy), pieces, late), seen)

    heard_ms = max((one.offset_ms for one in seen.finals), default=0)  # a reset may overtake it
    assert raised.value.lost_ms == seen.sent_bytes // 32 - heard_ms
    assert seen.states[-1] is ConnectionState.ERROR


@both
async def test_attempts_are_given_up_in_time(pieces: tuple[bytes, ...], run: Run) -> None:
    seen = Seen()
    policy = ResumePolicy(first_delay_s=0.01, most_delay_s=0.01, give_up_after_s=0.1)
    async with run_server() as server:
        plans = itertools.chain([Cut(after_sent=20_000)], itertools.repeat(Cut(is_at_accept=True)))
        async with cutting(server, plans) as proxy:
            with pytest.raises(SessionLostError, match="no connection for too long") as raised:
                await run(Program(url_of(proxy), pieces, policy), seen)

    assert raised.value.lost_ms == seen.sent_bytes // 32
    assert [one.attempt for one in seen.attempts] == list(range(1, len(seen.attempts) + 1))
    assert set(seen.states) == {
        ConnectionState.CONNECTING,
        ConnectionState.LISTENING,
        ConnectionState.ERROR,
    }


@both
async def test_it_can_be_turned_off(pieces: tuple[bytes, ...], run: Run) -> None:
    seen = Seen()
    plans = [Cut(at_words=b'"is_final":true')]
    async with run_server() as server, cutting(server, plans) as proxy:
        with pytest.raises(ClosedError) as raised:
            await run(Program(url_of(proxy), pieces, resume=False), seen)
        assert proxy.connections == 1

    assert raised.value.code == 1006
    assert {one.number for one in seen.finals} <= {None}
    assert seen.attempts == []


@both
async def test_a_server_that_keeps_no_sessions_is_used_as_ever(
    pieces: tuple[bytes, ...], run: Run
) -> None:
    seen, cut_off = Seen(), Seen()
    async with run_server(resume_window_ms=0) as server:
        await run(Program(server.address.url, pieces), seen)
        async with cutting(server, [Cut(at_words=b'"is_final":true')]) as proxy:
            with pytest.raises(ClosedError):
                await run(Program(url_of(proxy), pieces), cut_off)

    assert seen.texts == WORDS
    assert cut_off.attempts == []


# Who only sends.


async def test_all_may_be_sent_before_anything_is_read() -> None:
    pcm = draw_pcm(SAID * 12)  # more than waits for somebody to connect again
    plans = [Cut(after_sent=200_000), Cut(is_at_accept=True), Cut(after_sent=300_000)]
    async with run_server() as server, cutting(server, plans) as proxy:
        async with asyncio.timeout(PATIENCE_S):
            async with connect(url_of(proxy), key=KEYS[0], resume=QUICK) as client:
                assert await client.send_audio(pcm)
                await client.stop()
                texts = [one.text async for one in client if isinstance(one, FinalResult)]
        assert proxy.cuts == 3

    assert texts == WORDS * 12


async def test_all_may_be_sent_before_anything_is_read_in_a_thread() -> None:
    pcm = draw_pcm(SAID * 12)
    plans = [Cut(after_sent=200_000), Cut(is_at_accept=True), Cut(after_sent=300_000)]

    def program(url: str) -> list[str]:
        with blocking.connect(url, key=KEYS[0], resume=QUICK) as client:
            assert client.send_audio(pcm)
            client.stop()
            return [one.text for one in client if isinstance(one, FinalResult)]

    async with run_server() as server, cutting(server, plans) as proxy:
        async with asyncio.timeout(PATIENCE_S):
            texts = await asyncio.to_thread(program, url_of(proxy))
        assert proxy.cuts == 3

    assert texts == WORDS * 12
