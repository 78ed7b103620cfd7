"""A session that decodes a recording which is pushed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scribewire.audio.wire import WireDecoder
from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.protocol.dialogue import SessionStarted
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import rules_for
from scribewire.runtime.stream import Stream
from scribewire.server.services import Services
from scribewire.server.session import Session
from scribewire.server.session_news import AudioRefused, SessionNews
from scribewire.server.session_opening import open_session
from scribewire.sources.pushed import PushedAudio
from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm
from tests.parts.decoding import DECODERS
from tests.parts.recordings import head_of, record
from tests.server.test_session import UTTERANCE, WISHES, take_all, texts

pytestmark = pytest.mark.slow  # each starts a process

SPOKEN = record("lossless", draw_pcm(UTTERANCE * 2))


def begin(services: Services, *, max_audio_s: float | None = None) -> Session:
    sources = replace(services.sources, decoders=DECODERS)  # which have loaded FFmpeg already
    started = SessionStarted(WISHES, grant=Grant(max_audio_s=max_audio_s))
    return open_session("5e55", started, replace(services, sources=sources))


async def end_of_audio(session: Session) -> SessionNews:
    """Wait for the news of what becomes of it, and leave the session to another attachment."""
    session.attach()
    async with asyncio.timeout(30):
        while (news := session.next_news()) is None:
            await session.has_news.wait()
            session.has_news.clear()
    session.detach()
    return news


async def test_the_last_samples_are_decoded_after_the_end(server: RunningServer) -> None:
    session = begin(server.services)
    await session.receive_audio(SPOKEN)
    session.end_audio()
    session.end_audio()

    assert texts(await take_all(session)) == ["hello" * 3] * 2
    assert session.received_bytes == len(SPOKEN)
    await session.aclose()


async def test_it_is_heard_up_to_what_is_allowed(server: RunningServer) -> None:
    most_s = len(draw_pcm(UTTERANCE)) / 32_000 + 0.01
    session = begin(server.services, max_audio_s=most_s)
    await session.receive_audio(SPOKEN)
    news = await end_of_audio(session)

    assert isinstance(news, AudioRefused)
    assert news.fault.message.startswith("minutes: ")
    assert texts(await take_all(session)) == ["hello" * 3]
    await session.aclose()


async def test_who_attaches_later_is_told_why_it_ended(server: RunningServer) -> None:
    session = begin(server.services)
    await session.receive_audio(head_of(record("chromium", draw_pcm(UTTERANCE))))
    await session.receive_audio(bytes(100_000))
    session.end_audio()
    first, again = await end_of_audio(session), await end_of_audio(session)

    assert first == again
    assert isinstance(first, AudioRefused)
    assert first.fault.message.startswith("invalid stream: ")
    await session.aclose()


async def test_whoever_drops_it_waits_for_no_decoder(server: RunningServer) -> None:
    session = begin(server.services)
    writing = asyncio.create_task(session.receive_audio(SPOKEN * 20))
    while session.results.after(0) is None:
        await session.has_news.wait()
        session.has_news.clear()
    session.abort()

    async with asyncio.timeout(30):
        await session.aclose()
        await writing


async def test_without_decoders_it_is_refused_with_what_to_send(server: RunningServer) -> None:
    speech = server.services.engines.speech_for("en", "fast", ())
    rules = rules_for(WISHES, speech.traits, speech.calibration, max_utterance_ms=15_000)
    stream = Stream(Recognizer(rules), server.services.scheduler, speech)
    session = Session("5e55", WISHES, stream=stream, pushed=PushedAudio(pcm=WireDecoder()))

    for _ in range(2):
        with pytest.raises(ClientFault, match="this looks like a WebM or Matroska file: send 16-b"):
            await session.receive_audio(SPOKEN)
    await session.aclose()
