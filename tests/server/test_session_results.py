from __future__ import annotations

import asyncio

import pytest

from scribewire.errors import ServerFault
from scribewire.protocol.dialogue import SessionStarted
from scribewire.server.session import Session
from scribewire.server.session_opening import open_session
from scribewire.server.session_results import MAX_KEPT_FINALS, SessionResults
from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes

UTTERANCE = "." * 10 + "hello" * 3 + "." * 25


async def hear(server: RunningServer, utterances: int, *, resumable: bool = True) -> Session:
    """Return a session that has heard so many, and whose results were taken as they came."""
    started = SessionStarted(Wishes(language="en", partials=False))
    session = open_session("5e55", started, server.services)
    if resumable:
        session.make_resumable("e70c4")
    collecting = asyncio.create_task(session.collect())
    for _ in range(utterances):
        await session.receive_audio(draw_pcm(UTTERANCE))
    session.end_audio()
    async with asyncio.timeout(30):
        await collecting
    return session


def numbers(results: SessionResults, after: int) -> list[int | None]:
    return [one.final for one in results.finals_after(after)]


async def test_finals_have_numbers_and_are_told_again(server: RunningServer) -> None:
    session = await hear(server, 3)
    results = session.results
    await session.aclose()

    assert results.last_final == results.kept_finals == 3
    assert numbers(results, 0) == [1, 2, 3]
    assert numbers(results, 2) == [3]
    assert numbers(results, 3) == []
    assert results.after(results.last) is None


async def test_where_nobody_comes_back_nothing_is_numbered(server: RunningServer) -> None:
    session = await hear(server, 2, resumable=False)
    results = session.results
    await session.aclose()

    assert results.last > 0
    assert results.last_final == results.kept_finals == 0
    assert numbers(results, 0) == []


async def test_what_is_kept_is_bounded(server: RunningServer) -> None:
    count = MAX_KEPT_FINALS + 3
    session = await hear(server, count)
    results = session.results
    await session.aclose()

    assert numbers(results, 0)[0] == count - MAX_KEPT_FINALS + 1
    assert results.last_final == count
    with pytest.raises(ServerFault, match="result 1 is not kept"):
        results.after(0)
