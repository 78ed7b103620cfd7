"""A session that another recognizer goes on with, from what the first one has settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scribewire.audio.pcm import WIRE_PCM, PcmFormat
from scribewire.audio.wire import WireLayout
from scribewire.events import Final, Partial, SpeechStarted
from scribewire.protocol.dialogue import SessionStarted
from scribewire.server.session_beginning import (
    FRESH,
    NO_ORIGIN,
    SessionBeginning,
    SettledAudio,
    StreamOrigin,
    moved_to,
)
from scribewire.server.session_opening import open_session
from scribewire.testing.scripted import draw_pcm
from scribewire.types import Word
from scribewire.wishes import Wishes
from tests.parts.wav import wav

if TYPE_CHECKING:
    from scribewire.events import TranscriptEvent
    from scribewire.server.session import Session
    from scribewire.testing.running import RunningServer

SAID = "..hello" + "." * 30 + "again" + "." * 40 + "third one" + "." * 40
ORIGIN = StreamOrigin(sample=32_000, utterances=3, speakers=2)
WORD = Word(text="Yes.", start_ms=10, end_ms=20, confidence=0.5)


@pytest.mark.parametrize(
    ("event", "moved"),
    [
        (
            SpeechStarted(utterance=0, start_sample=16),
            SpeechStarted(utterance=3, start_sample=32_016),
        ),
        (
            Partial(utterance=1, text="Ye", start_sample=16, end_sample=32),
            Partial(utterance=4, text="Ye", start_sample=32_016, end_sample=32_032),
        ),
        (
            Final(
                utterance=0,
                text="Yes.",
                start_sample=0,
                end_sample=320,
                decided_sample=640,
                words=(WORD,),
                speaker=1,
            ),
            Final(
                utterance=3,
                text="Yes.",
                start_sample=32_000,
                end_sample=32_320,
                decided_sample=32_640,
                words=(Word(text="Yes.", start_ms=2010, end_ms=2020, confidence=0.5),),
                speaker=3,
            ),
        ),
        (
            Final(utterance=0, text="Yes.", start_sample=0, end_sample=320, decided_sample=640),
            Final(
                utterance=3,
                text="Yes.",
                start_sample=32_000,
                end_sample=32_320,
                decided_sample=32_640,
            ),
        ),
    ],
)
def test_what_is_said_is_told_as_of_the_whole_session(
    event: TranscriptEvent, moved: TranscriptEvent
) -> None:
    assert moved_to(ORIGIN, event) == moved
    assert moved_to(NO_ORIGIN, event) is event


def test_whole_frames_are_settled_in_bytes_as_they_were_sent() -> None:
    telephone = WireLayout(
        pcm=PcmFormat(encoding="mulaw", channels=1, rate_hz=8000), header_bytes=58
    )
    later = SessionBeginning(origin=ORIGIN, received_bytes=64_000)

    assert FRESH.settled(None, 0) == SettledAudio(bytes=0, samples=0, layout=None)
    assert FRESH.settled(telephone, 1100) == SettledAudio(
        bytes=58 + 512, samples=1024, layout=telephone
    )
    assert later.settled(WireLayout(pcm=WIRE_PCM), 600).bytes == 2 * (32_000 + 512)
    assert later.settled(None, 0) == SettledAudio(bytes=64_000, samples=32_000, layout=None)


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


@pytest.mark.parametrize("cut_at", range(0, 120_001, 12_000))
@pytest.mark.parametrize("header", [b"", wav(b"", rate_hz=16_000)])
async def test_another_recognizer_finds_the_rest_from_there(
    server: RunningServer, cut_at: int, header: bytes
) -> None:
    started = SessionStarted(Wishes(language="en", partials=False))
    data = header + draw_pcm(SAID)
    whole = open_session("5e55", started, server.services)
    whole.make_resumable("e70c4")
    await hear(whole, data)
    expected = await take_all(whole)
    assert whole.settled is not None
    assert whole.settled.bytes > len(data) - 2 * 512 * 40

    first = open_session("5e55", started, server.services)
    first.make_resumable("e70c4")
    await hear(first, data[:cut_at])
    first.results.collect()
    settled = first.settled
    assert settled is not None
    known = [one.event for one in first.results.finals_after(0) if isinstance(one.event, Final)]
    await first.aclose()
    beginning = SessionBeginning(
        origin=StreamOrigin(sample=settled.samples, utterances=len(known)),
        received_bytes=settled.bytes,
        layout=settled.layout,
        finals=tuple(known),
        final_count=len(known),
    )
    second = open_session("5e55", started, server.services, beginning=beginning)
    second.make_resumable("e70c5")
    assert second.position is not None
    assert second.position.received_bytes == settled.bytes <= cut_at
    assert second.position.finals == len(known)
    assert second.results.heard_samples == settled.samples
    await hear(second, data[settled.bytes :])

    assert told(await take_all(second)) == told(expected)
    assert len(expected) == 3
