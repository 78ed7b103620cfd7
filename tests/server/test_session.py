"""A session by itself: what it puts out to whoever is attached, and while nobody is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import pytest

from scribewire.audio.container import AudioInfo, TrackWish
from scribewire.errors import ClientFault, ServerFault
from scribewire.events import Final
from scribewire.grants import NO_LIMITS, Grant
from scribewire.protocol.dialogue import SessionStarted
from scribewire.server.concurrency import ConcurrencyError
from scribewire.server.session import Session
from scribewire.server.session_news import SessionNews, SourceEnded
from scribewire.server.session_opening import open_session
from scribewire.server.session_results import MAX_KEPT_RESULTS, NumberedResult
from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.faults import invalid_stream
from scribewire.sources.http.urls import HttpUrl
from scribewire.sources.pulled import Sources
from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes

WISHES = Wishes(language="en", partials=False)
UTTERANCE = "." * 10 + "hello" * 3 + "." * 20
OPENED = SourceOpened(
    AudioInfo(container="wav", codec="pcm_s16le", rate_hz=16_000, channels=1, duration_ms=None),
    is_live=True,
)

Events = Callable[[], AsyncGenerator[SourceEvent, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedSources(Sources):
    """Sources whose every address gives the same events."""

    events: Events

    def pull(
        self,
        url: str | HttpUrl,
        wish: TrackWish | None = None,
        may_reach: Callable[[str], bool] | None = None,
    ) -> AsyncGenerator[SourceEvent, None]:
        return self.events()


def begin(server: RunningServer, wishes: Wishes = WISHES) -> Session:
    return open_session("5e55", SessionStarted(wishes), server.services)


def pull(server: RunningServer, events: Events, grant: Grant = NO_LIMITS) -> Session:
    known = server.services.sources
    sources = ScriptedSources(
        fetcher=known.fetcher,
        decoders=known.decoders,
        retry=known.retry,
        open_timeout_s=1,
        events=events,
    )
    started = SessionStarted(replace(WISHES, url="http://a.example/"), grant=grant)
    return open_session("5e55", started, replace(server.services, sources=sources))


async def take_all(session: Session, after: int = 0) -> list[NumberedResult]:
    """Take the results after this one, until the session has ended."""
    taken: list[NumberedResult] = []
    session.attach()
    while True:
        while (result := session.results.after(after)) is not None:
            taken.append(result)
            after = result.number
        while session.next_news() is not None:
            pass
        if session.has_ended:
            break
        await session.has_news.wait()
        session.has_news.clear()
    session.detach()
    return taken


async def follow_source(session: Session) -> list[SessionNews]:
    """Take what becomes of the source, until it has ended."""
    told: list[SessionNews] = []
    while not any(isinstance(news, SourceEnded) for news in told):
        await session.has_news.wait()
        session.has_news.clear()
        told += iter(session.next_news, None)
    return told


def texts(results: list[NumberedResult]) -> list[str]:
    return [result.event.text for result in results if isinstance(result.event, Final)]


async def test_results_are_numbered_from_one_and_can_be_taken_again(server: RunningServer) -> None:
    session = begin(server)
    await session.receive_audio(draw_pcm(UTTERANCE * 3))
    session.end_audio()
    session.end_audio()

    first = await take_all(session)
    again = await take_all(session, after=1)

    assert [result.number for result in first] == [1, 2, 3, 4, 5, 6]  # speech that starts too
    assert texts(first) == ["hello" * 3] * 3
    assert again == first[1:]
    assert session.received_bytes == len(draw_pcm(UTTERANCE * 3))
    await session.aclose()


async def test_a_result_that_is_too_old_is_not_kept_and_that_is_told(
    server: RunningServer,
) -> None:
    session = begin(server)
    for _ in range(MAX_KEPT_RESULTS // 2 + 1):
        await session.receive_audio(draw_pcm("..hello" + "." * 20))
    session.end_audio()
    results = await take_all(session)

    assert session.results.after(2) == results[2]
    for number in (1, len(results) + 1):
        with pytest.raises(ServerFault, match=rf"result {number + 1} is not kept: 3 to 66 are"):
            session.results.after(number)
    await session.aclose()


async def test_numbers_are_digits_where_that_was_asked_for(server: RunningServer) -> None:
    session = begin(server, replace(WISHES, digits=True))
    await session.receive_audio(draw_pcm("twenty one dollars"))
    session.end_audio()

    assert texts(await take_all(session)) == ["21 dollars"]
    await session.aclose()


async def test_what_is_no_audio_is_refused(server: RunningServer) -> None:
    session = begin(server)

    with pytest.raises(ClientFault, match="the middle of a WebM recording"):
        await session.receive_audio(b"\x1fC\xb6u" + bytes(4000))

    await session.aclose()


async def test_two_tasks_that_bring_audio_are_an_error(server: RunningServer) -> None:
    session = begin(server)
    long = draw_pcm(UTTERANCE * 40)  # more than is taken at once
    first = asyncio.create_task(session.receive_audio(long))
    await asyncio.sleep(0)

    with pytest.raises(ConcurrencyError, match="audio is brought"):
        await session.receive_audio(long)

    await session.aclose()
    await first


async def test_two_attachments_at_once_are_an_error(server: RunningServer) -> None:
    session = begin(server)
    session.attach()

    with pytest.raises(ConcurrencyError, match="a session is attached"):
        session.attach()

    session.detach()
    session.attach()
    await session.aclose()


async def test_a_source_is_pulled_while_nobody_is_attached(server: RunningServer) -> None:
    has_ended = asyncio.Event()

    async def events() -> AsyncGenerator[SourceEvent, None]:
        yield OPENED
        yield SourceAudio(draw_pcm(UTTERANCE))
        yield SourceLost("gone")
        yield OPENED
        yield SourceAudio(draw_pcm(UTTERANCE))
        has_ended.set()

    session = pull(server, events)
    await has_ended.wait()

    assert session.is_read
    assert texts(await take_all(session)) == ["hello" * 3] * 2
    assert session.received_bytes == 2 * len(draw_pcm(UTTERANCE))
    await session.aclose()


async def test_nothing_is_pulled_while_the_client_does_not_read(server: RunningServer) -> None:
    async def events() -> AsyncGenerator[SourceEvent, None]:
        yield OPENED
        yield SourceAudio(draw_pcm(UTTERANCE))

    session = pull(server, events)
    session.attach()
    session.may_pull.clear()
    for _ in range(20):
        await asyncio.sleep(0)
    was_read, received_meanwhile = session.is_read, session.received_bytes
    session.detach()  # whoever does not read has gone: the pull goes on

    assert not was_read
    assert received_meanwhile == 0
    assert texts(await take_all(session)) == ["hello" * 3]
    await session.aclose()


async def test_an_attachment_hears_how_its_source_fares_and_the_next_one_how_it_ended(
    server: RunningServer,
) -> None:
    lost, fault = SourceLost("gone"), invalid_stream("HTTP 404")

    async def events() -> AsyncGenerator[SourceEvent, None]:
        yield OPENED
        yield lost
        raise fault

    session = pull(server, events)
    session.attach()
    told = await follow_source(session)
    session.detach()
    session.attach()

    assert told == [OPENED, lost, SourceEnded(fault)]
    assert await follow_source(session) == [SourceEnded(fault)]
    await session.aclose()


async def test_nothing_more_is_pulled_once_no_more_audio_is_wanted(server: RunningServer) -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[SourceEvent, None]:
        try:
            yield OPENED
            await asyncio.Event().wait()
        finally:
            closed.set()

    session = pull(server, events)
    while not session.is_read:
        await session.has_news.wait()
        session.has_news.clear()

    session.end_audio()
    await session.aclose()

    assert closed.is_set()


async def test_a_source_may_take_its_time_to_end(server: RunningServer) -> None:
    is_ending, may_end, has_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[SourceEvent, None]:
        try:
            yield OPENED
            await asyncio.Event().wait()
        finally:
            is_ending.set()
            await may_end.wait()
            has_ended.set()

    session = pull(server, events)
    while not session.is_read:
        await session.has_news.wait()
        session.has_news.clear()

    session.end_audio()
    await is_ending.wait()
    closing = asyncio.create_task(session.aclose())
    asyncio.get_running_loop().call_soon(may_end.set)
    await closing

    assert has_ended.is_set()


async def test_the_log_says_how_many_hypotheses_were_rejected(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    session = begin(server)
    await session.receive_audio(draw_pcm(UTTERANCE))
    session.end_audio()
    await take_all(session)

    with caplog.at_level("INFO", "scribewire.session"):
        await session.aclose()

    assert [record.getMessage() for record in caplog.records] == [
        "5e55 = 0 hypotheses rejected, as of no speech"
    ]


async def test_another_track_of_the_source_is_told_in_the_log(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def events() -> AsyncGenerator[SourceEvent, None]:
        yield OPENED
        yield SourceTrack(replace(OPENED.info, track=2))
        yield SourceAudio(draw_pcm(UTTERANCE))

    with caplog.at_level("INFO", "scribewire.session"):
        session = pull(server, events)
        results = await take_all(session)
        await session.aclose()

    assert texts(results) == ["hello" * 3]
    told = [record.getMessage() for record in caplog.records]
    assert "5e55 = silent so far, track 2 is heard: pcm_s16le" in told


async def test_what_is_pulled_ends_where_no_more_of_it_is_allowed(server: RunningServer) -> None:
    async def endless() -> AsyncGenerator[SourceEvent, None]:
        yield OPENED
        yield SourceAudio(draw_pcm(UTTERANCE))
        while True:
            yield SourceAudio(bytes(3_200))

    most_s = len(draw_pcm(UTTERANCE)) / 32_000 + 0.25
    session = pull(server, endless, Grant(max_audio_s=most_s))
    session.attach()
    (*_, ended) = await follow_source(session)
    session.detach()

    assert isinstance(ended, SourceEnded)
    assert ended.fault is not None
    assert ended.fault.message.startswith("minutes: ")
    assert texts(await take_all(session)) == ["hello" * 3]
    await session.aclose()


async def test_what_is_pushed_is_heard_up_to_what_is_allowed(server: RunningServer) -> None:
    most_s = len(draw_pcm(UTTERANCE)) / 32_000 + 0.01
    started = SessionStarted(WISHES, grant=Grant(max_audio_s=most_s))
    session = open_session("5e55", started, server.services)

    await session.receive_audio(draw_pcm(UTTERANCE))
    with pytest.raises(ClientFault, match="minutes: "):
        await session.receive_audio(draw_pcm(UTTERANCE))
    session.end_audio()

    assert texts(await take_all(session)) == ["hello" * 3]
    await session.aclose()
