"""A session that another recognizer goes on with, from what the first one has settled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.audio.pcm import WIRE_PCM, PcmFormat
from scribewire.audio.wire import WireLayout
from scribewire.events import Final
from scribewire.protocol.dialogue import SessionStarted
from scribewire.recognition.checkpoint import begin_anew
from scribewire.server.session_beginning import (
    FRESH,
    SessionBeginning,
    SettledAudio,
    TakenCheckpoint,
)
from scribewire.server.session_checkpoint import open_sealed
from scribewire.server.session_opening import open_session
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes
from tests.parts.wav import wav

if TYPE_CHECKING:
    from scribewire.server.session import Session
    from scribewire.testing.running import RunningServer

WAITS = bytes(16 * 1024)  # as much as the recognizer may wait for, and a header
STARTED = SessionStarted(Wishes(language="en", partials=False))
SAID = "..hello" + "." * 30 + "again" + "." * 40 + "third one" + "." * 40


def test_whole_frames_are_settled_in_bytes_as_they_were_sent() -> None:
    telephone = WireLayout(
        pcm=PcmFormat(encoding="mulaw", channels=1, rate_hz=8000), header_bytes=58
    )
    later = SessionBeginning(received_bytes=64_000)

    assert FRESH.settled(None, 0) == SettledAudio(bytes=0, samples=0, layout=None)
    assert FRESH.settled(telephone, 1100) == SettledAudio(
        bytes=58 + 512, samples=1024, layout=telephone
    )
    assert later.settled(WireLayout(pcm=WIRE_PCM), 33_000).bytes == 2 * 32_768
    assert later.settled(None, 32_000).bytes == 64_000


@pytest.mark.parametrize(("begin", "bytes_from"), [(900, 1800), (2048, 2048), (1024, 2048)])
def test_a_client_begins_again_where_one_with_a_checkpoint_needs_it(
    begin: int, bytes_from: int
) -> None:
    layout, taken = WireLayout(pcm=WIRE_PCM), TakenCheckpoint(begin=begin, content=b"sealed")

    assert FRESH.settled(layout, 1100, taken) == SettledAudio(
        bytes=bytes_from, samples=1024, layout=layout, checkpoint=taken
    )


async def hear(session: Session, data: bytes) -> None:
    for start in range(0, len(data), 3200):
        await session.receive_audio(data[start : start + 3200])


async def take_all(session: Session) -> list[Final]:
    session.end_audio()
    await session.collect()
    finals = session.results.finals_after(0)
    await session.aclose()
    return [one.event for one in finals if isinstance(one.event, Final)]


def told(finals: list[Final]) -> list[tuple[int, str, int, int]]:
    return [(one.utterance, one.text, one.start_sample, one.end_sample) for one in finals]


async def cut_off(
    server: RunningServer, data: bytes, expected: list[Final]
) -> tuple[SettledAudio, list[Final]]:
    """Return what is settled of a session once it has said what it can, and its finals."""
    session = open_session("5e55", STARTED, server.services)
    session.make_resumable("e70c4")
    assert session.settled == SettledAudio(bytes=0, samples=0, layout=None)
    await hear(session, data)
    decided = [one for one in expected if 2 * one.decided_sample + len(WAITS) < len(data)]
    async with asyncio.timeout(10):
        session.results.collect()
        while session.results.last_final < len(decided):
            await session.has_news.wait()
            session.has_news.clear()
            session.results.collect()
    settled = session.settled
    finals = [one.event for one in session.results.finals_after(0)]
    await session.aclose()
    assert settled is not None
    return settled, [one for one in finals if isinstance(one, Final)]


async def go_on(server: RunningServer, beginning: SessionBeginning, data: bytes) -> list[Final]:
    session = open_session("5e55", STARTED, server.services, beginning=beginning)
    session.make_resumable("e70c5")
    assert session.position is not None
    assert session.position.received_bytes == beginning.received_bytes
    assert session.position.finals == beginning.final_count
    assert session.results.heard_samples == beginning.checkpoint.begin
    await hear(session, data[beginning.received_bytes :])
    return await take_all(session)


@pytest.mark.parametrize("cut_at", range(0, 120_001, 12_000))
@pytest.mark.parametrize("header", [b"", wav(b"", rate_hz=16_000)])
async def test_another_recognizer_finds_the_rest_from_there(
    server: RunningServer, cut_at: int, header: bytes
) -> None:
    data = header + draw_pcm(SAID)
    expected = await go_on(server, FRESH, data)
    settled, known = await cut_off(server, data[:cut_at], expected)
    assert settled.bytes <= cut_at
    assert len(known) >= (cut_at > 50_000) + (cut_at > 100_000)
    anew = SessionBeginning(
        checkpoint=begin_anew(settled.samples, utterances=len(known), speakers=0),
        received_bytes=0 if settled.layout is None else settled.layout.byte_of(settled.samples),
        layout=settled.layout,
        finals=tuple(known),
        final_count=len(known),
    )

    assert told(await go_on(server, anew, data)) == told(expected)
    assert len(expected) == 3
    if settled.checkpoint is None:
        assert settled.layout is None
        return
    sealed = open_sealed(settled.checkpoint.content)
    same = replace(
        anew,
        checkpoint=sealed.checkpoint,
        made_by=sealed.made_by,
        otherwise=anew,
        received_bytes=settled.bytes,
    )
    assert await go_on(server, same, data) == expected
    other = replace(same, made_by=b"another")
    session = open_session("5e55", STARTED, server.services, beginning=other)
    assert session.received_bytes == anew.received_bytes
    await session.aclose()


async def test_one_that_is_resampled_is_heard_from_a_joint(server: RunningServer) -> None:
    drawn = np.frombuffer(draw_pcm(SAID), "<i2")[::2].tobytes()
    data = wav(drawn, rate_hz=8000)
    expected = await go_on(server, FRESH, data)
    settled, known = await cut_off(server, data[:50_000], expected)
    assert settled.layout is not None
    assert settled.checkpoint is not None
    sealed = open_sealed(settled.checkpoint.content)
    beginning = SessionBeginning(
        checkpoint=sealed.checkpoint,
        received_bytes=settled.bytes,
        skipped_samples=settled.layout.joint_for(sealed.checkpoint.begin).skipped,
        layout=settled.layout,
        finals=tuple(known),
        final_count=len(known),
        told_utterances=known[-1].utterance + 1,
    )

    assert await go_on(server, beginning, data) == expected
    assert len(expected) > len(known) > 0


async def test_what_was_told_behind_the_checkpoint_is_not_told_again(server: RunningServer) -> None:
    data = draw_pcm(SAID)
    expected = await go_on(server, FRESH, data)
    settled, _ = await cut_off(server, data[:50_000], expected)
    assert settled.checkpoint is not None
    sealed = open_sealed(settled.checkpoint.content)
    beginning = SessionBeginning(
        checkpoint=sealed.checkpoint,
        received_bytes=settled.bytes,
        layout=settled.layout,
        finals=tuple(expected[:2]),
        final_count=2,
        told_utterances=expected[1].utterance + 1,
    )

    assert await go_on(server, beginning, data) == expected
