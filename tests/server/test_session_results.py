from __future__ import annotations

import asyncio

import pytest

from scribewire.errors import ServerFault
from scribewire.events import Final
from scribewire.protocol.dialects import read_request
from scribewire.protocol.dialogue import SessionStarted
from scribewire.server.journal_keeper import Receipt
from scribewire.server.session import Session
from scribewire.server.session_opening import open_session
from scribewire.server.session_results import MAX_KEPT_FINALS, SessionResults, ToldResults
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


async def take_all(session: Session) -> list[str]:
    """Return the texts of the finals that can be taken by now."""
    results, taken = session.results, list[str]()
    while (result := results.after(results.last)) is not None:
        if isinstance(result.event, Final):
            taken.append(result.event.text)
    return taken


async def test_a_final_is_taken_once_it_has_been_written_down(server: RunningServer) -> None:
    started = SessionStarted(Wishes(language="en", partials=False))
    session = open_session("5e55", started, server.services)
    written: list[tuple[int, str]] = []
    receipts: list[Receipt] = []

    def write(final: Final, number: int) -> Receipt:
        written.append((number, final.text))
        receipts.append(Receipt(session.has_news.set))
        return receipts[-1]

    session.results.journal_finals(write)
    await session.receive_audio(draw_pcm(UTTERANCE + UTTERANCE))
    session.end_audio()
    taken: list[str] = []
    has_ended = []
    async with asyncio.timeout(30):
        while len(taken) < 2:
            session.has_news.clear()
            taken += await take_all(session)
            if len(receipts) > len(taken):
                assert await take_all(session) == []  # however often it is asked for
                assert written[-1][0] == session.results.last_final + 1
                has_ended.append(session.has_ended)
                receipts[-1].settle()
            await session.has_news.wait()
            taken += await take_all(session)

    assert written == [(1, "hellohellohello"), (2, "hellohellohello")]
    assert taken == ["hellohellohello"] * 2
    assert has_ended == [False, False]
    assert session.has_ended
    assert session.results.outcome == "complete"
    assert session.results.heard_samples == len(draw_pcm(UTTERANCE + UTTERANCE)) // 2
    await session.aclose()


async def test_where_nothing_is_written_down_finals_wait_for_nothing(server: RunningServer) -> None:
    session = await hear(server, 1)
    results = session.results
    results.journal_finals(lambda _final, _number: None)

    assert results.have_ended
    await session.aclose()
    assert results.outcome == "complete"


async def test_what_is_dropped_before_its_end_is_not_complete(server: RunningServer) -> None:
    session = open_session("5e55", SessionStarted(Wishes(language="en")), server.services)
    await session.receive_audio(draw_pcm(UTTERANCE))
    await session.aclose()

    assert session.results.outcome == "dropped"


async def test_while_no_audio_is_taken_who_may_come_back_hears_that_it_lives(
    server: RunningServer,
) -> None:
    session = await hear(server, 1)
    opening = read_request("/v2/realtime", "token=key-1&resume=true", [])
    assert opening is not None
    dialogue = opening.begin(server.services.policy, "5e55", 0.0)
    dialogue.receive_text('{"action":"start"}')
    dialogue.send_listening(session.position)
    woken = asyncio.Semaphore(0)
    told = ToldResults(dialogue, woken.release, None, 0.001)
    async with told.showing_life(session), asyncio.timeout(20):
        for _ in range(3):
            await woken.acquire()
    await session.aclose()
    _, *heard = iter(dialogue.next_outgoing, None)

    count = session.received_bytes
    assert len(heard) >= 3
    assert {str(one) for one in heard} == {
        f'{{"state":"received","received_bytes":{count},"replay_from_bytes":{count}}}'
    }


async def test_who_cannot_come_back_hears_nothing_of_it(server: RunningServer) -> None:
    session = await hear(server, 1, resumable=False)
    opening = read_request("/v2/realtime", "token=key-1", [])
    assert opening is not None
    dialogue = opening.begin(server.services.policy, "5e55", 0.0)
    told = ToldResults(dialogue, pytest.fail, None, 0.0)
    async with told.showing_life(session):
        for _ in range(10):
            await asyncio.sleep(0)
    await session.aclose()

    assert dialogue.next_outgoing() is None
