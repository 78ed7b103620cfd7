"""Both Python clients go on at another server when theirs goes down: nobody loses a word."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from scribewire.client import (
    ConnectionState,
    FinalResult,
    Message,
    Reconnecting,
    ResumePolicy,
    SessionLostError,
    ShuttingDown,
    blocking,
    connect,
)
from scribewire.testing.running import KEYS, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.cutting_proxy import Cut, CuttingProxy, run_cutting_proxy
from tests.parts.wav import FOREVER, wav

PAUSE = "." * 20
WORDS = ["good", "morning", "every", "body", "here"]
SAID = draw_pcm(".." + "".join(word + PAUSE for word in WORDS))
# The server ends in it: a word that it cuts in two may leave too little to be one.
LONG_PAUSE = draw_pcm("..good" + "." * 100 + "".join(word + PAUSE for word in WORDS[1:]))
PIECE_BYTES = 3200
PIECE_S = 0.03  # three times as fast as one speaks
PATIENCE_S = 20.0
QUICK = ResumePolicy(first_delay_s=0.01, most_delay_s=0.05, give_up_after_s=20)

pytestmark = pytest.mark.slow


@dataclass
class Talk:
    """What is said to a session, and what its user sees."""

    url: str
    audio: bytes = SAID
    resume: ResumePolicy = QUICK
    key: str = KEYS[0]
    finals: list[FinalResult] = field(default_factory=list)
    shutdowns: int = 0
    states: list[ConnectionState] = field(default_factory=list)
    attempts: list[Reconnecting] = field(default_factory=list)
    heard_first: asyncio.Event = field(default_factory=asyncio.Event)
    """The first final has come."""
    has_ended: bool = False

    def end(self, _: object) -> None:
        self.has_ended = True

    def note(self, message: Message) -> None:
        if isinstance(message, FinalResult):
            self.finals.append(message)
        self.shutdowns += isinstance(message, ShuttingDown)

    @property
    def pieces(self) -> list[bytes]:
        ends = range(0, len(self.audio), PIECE_BYTES)
        return [self.audio[start : start + PIECE_BYTES] for start in ends]


async def in_a_task(talk: Talk) -> None:
    async def send() -> None:
        for piece in talk.pieces:
            if not await client.send_audio(piece):
                return
            await asyncio.sleep(PIECE_S)
        await client.stop()

    async with connect(
        talk.url,
        key=talk.key,
        resume=talk.resume,
        on_state_change=talk.states.append,
        on_reconnecting=talk.attempts.append,
    ) as client:
        sending = asyncio.create_task(send())
        try:
            async for message in client:
                talk.note(message)
                talk.heard_first.set()
        finally:
            await sending


async def in_threads(talk: Talk) -> None:
    loop = asyncio.get_running_loop()

    def send(client: blocking.Client) -> None:
        for piece in talk.pieces:
            if not client.send_audio(piece):
                return
            time.sleep(PIECE_S)
        client.stop()

    def run() -> None:
        with (
            ThreadPoolExecutor(1) as threads,
            blocking.connect(
                talk.url,
                key=talk.key,
                resume=talk.resume,
                on_state_change=talk.states.append,
                on_reconnecting=talk.attempts.append,
            ) as client,
        ):
            sending = threads.submit(send, client)
            for message in client:
                talk.note(message)
                loop.call_soon_threadsafe(talk.heard_first.set)
            sending.result(PATIENCE_S)

    await asyncio.to_thread(run)


Run = Callable[[Talk], Awaitable[None]]
both = pytest.mark.parametrize("run", [in_a_task, in_threads])


@contextlib.asynccontextmanager
async def talking(talk: Talk, run: Run) -> AsyncIterator[None]:
    """Have a client talk; inside its first words were heard, at the end of it all."""
    async with asyncio.timeout(PATIENCE_S):
        running = asyncio.ensure_future(run(talk))
        waiting = asyncio.create_task(talk.heard_first.wait())
        running.add_done_callback(talk.end)
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        yield
        await running


def url_of(proxy: CuttingProxy) -> str:
    return f"ws://127.0.0.1:{proxy.port}"


def assert_whole(talk: Talk) -> None:
    """Every word is in a final, none twice, where it was said."""
    assert [one.text for one in talk.finals] == WORDS
    assert [one.number for one in talk.finals] == [1, 2, 3, 4, 5]
    ends = [
        2 * 32 + 32 * (sum(map(len, WORDS[: number + 1])) + number * len(PAUSE))
        for number in range(len(WORDS))
    ]
    for final, ends_ms in zip(talk.finals, ends, strict=True):
        assert final.words is not None
        assert abs(final.words[-1].end_ms - ends_ms) <= 1
        assert final.offset_ms >= ends_ms
    assert all(a.offset_ms < b.offset_ms for a, b in itertools.pairwise(talk.finals))
    assert talk.states[-1] is ConnectionState.DISCONNECTED
    assert ConnectionState.ERROR not in talk.states


@both
@pytest.mark.parametrize("audio", [SAID, wav(SAID, size=FOREVER)], ids=["PCM", "WAV"])
async def test_at_the_end_of_an_utterance_it_moves_and_nobody_notices(
    audio: bytes, run: Run
) -> None:
    async with (
        run_server(drain_timeout_ms=30_000) as first,
        run_server() as second,
        run_cutting_proxy(first.address.port) as proxy,
    ):
        talk = Talk(url_of(proxy), audio)
        async with talking(talk, run):
            proxy.upstream_port = second.address.port
            first.services.draining.begin()
            async with asyncio.timeout(PATIENCE_S):
                await first.services.draining.has_ended.wait()  # it was left long before its time

        assert proxy.connections == 2

    assert_whole(talk)
    assert talk.shutdowns == 1
    assert talk.attempts == []
    assert ConnectionState.CONNECTING in talk.states[1:]


@both
async def test_where_there_is_no_other_server_it_waits_for_the_next_one(run: Run) -> None:
    async with (
        run_server() as second,
        run_server(drain_timeout_ms=300) as first,
        run_cutting_proxy(first.address.port) as proxy,
    ):
        talk = Talk(url_of(proxy), LONG_PAUSE)
        async with talking(talk, run):
            first.services.draining.begin()
            await first.services.draining.has_ended.wait()
            proxy.upstream_port = 1  # nobody
            while len(talk.attempts) < 3:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            proxy.upstream_port = second.address.port

    assert [one.text for one in talk.finals] == WORDS
    assert [one.number for one in talk.finals] == [1, 2, 3, 4, 5]
    assert talk.states[-1] is ConnectionState.DISCONNECTED


@both
async def test_a_server_whose_last_words_are_lost_is_left_likewise(run: Run) -> None:
    plans = [Cut(at_words=b'"stopped"')]
    async with (
        run_server() as second,
        run_server(drain_timeout_ms=300) as first,
        run_cutting_proxy(first.address.port, plans) as proxy,
    ):
        talk = Talk(url_of(proxy), LONG_PAUSE)
        async with talking(talk, run):
            first.services.draining.begin()
            await first.services.draining.has_ended.wait()
            while proxy.connections < 3 and not talk.has_ended:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            proxy.upstream_port = second.address.port

    assert [one.text for one in talk.finals] == WORDS
    assert [one.number for one in talk.finals] == [1, 2, 3, 4, 5]


@both
async def test_a_server_that_cuts_off_and_forgets_loses_nothing_either(run: Run) -> None:
    async with run_server() as second, run_cutting_proxy(1) as proxy, run_server() as first:
        proxy.upstream_port = first.address.port
        talk = Talk(url_of(proxy))
        async with talking(talk, run):
            first.services.draining.cut_off()
            proxy.upstream_port = second.address.port

    assert_whole(talk)


@both
async def test_who_has_no_server_any_more_is_told_what_is_lost(run: Run) -> None:
    async with run_cutting_proxy(1) as proxy, run_server(drain_timeout_ms=100) as first:
        proxy.upstream_port = first.address.port
        policy = ResumePolicy(first_delay_s=0.01, most_delay_s=0.01, give_up_after_s=0.3)
        talk = Talk(url_of(proxy), resume=policy)

        async def talk_to_the_end() -> None:
            async with talking(talk, run):
                first.services.draining.begin()
                await first.services.draining.has_ended.wait()
                proxy.upstream_port = 1

        with pytest.raises(SessionLostError, match="no connection for too long") as raised:
            await talk_to_the_end()

    assert raised.value.lost_ms is not None
    assert raised.value.lost_ms > 0
    assert talk.states[-1] is ConnectionState.ERROR
