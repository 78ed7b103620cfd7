"""Recordings of each browser through real decoders."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.pushed import PushedMedia
from tests.parts.decoding import DECODERS
from tests.parts.recordings import KINDS, cut, fragments_of, head_of, record, record_picture

pytestmark = pytest.mark.slow  # each case starts a process

VOICE = np.random.default_rng(3).integers(-9000, 9000, 16_000 * 3, np.int16).astype("<i2").tobytes()
GARBAGE = random.Random(7).randbytes(100_000)
RECORDINGS = {kind: record(kind, VOICE) for kind in KINDS}


@dataclass
class Heard:
    events: list[SourceEvent] = field(default_factory=list)
    fault: SourceFault | None = None

    @property
    def pcm(self) -> bytes:
        return b"".join(one.pcm for one in self.events if isinstance(one, SourceAudio))

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.events if isinstance(one, SourceAudio | SourceGap))

    @property
    def gaps(self) -> list[float]:
        return [one.seconds for one in self.events if isinstance(one, SourceGap)]


def begin() -> PushedMedia:
    return PushedMedia(DECODERS, TrackWish())


async def hear_on(media: PushedMedia, heard: Heard) -> None:
    try:
        async for event in media.events():
            heard.events.append(event)
    except SourceFault as fault:
        heard.fault = fault


async def hear(pieces: Sequence[bytes]) -> Heard:
    """Return what comes of these pieces."""
    media, heard = begin(), Heard()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(hear_on(media, heard))
        for piece in pieces:
            await media.write(piece)
        media.end()
        media.end()
    return heard


@pytest.mark.parametrize("kind", KINDS)
async def test_every_recorder_is_heard_from_its_first_sample_to_its_last(kind: str) -> None:
    heard = await hear(cut(RECORDINGS[kind], 997))

    assert isinstance(heard.events[0], SourceOpened)
    assert heard.fault is None
    assert heard.gaps == []
    assert heard.seconds == pytest.approx(3.0, abs=0.06)  # encoders pad


@pytest.mark.parametrize("kind", ["chromium", "safari", "firefox"])
async def test_the_cuts_between_pieces_change_no_sample(kind: str) -> None:
    recording = record(kind, VOICE[:32_000])
    one_by_one = await hear(cut(recording, 1))

    assert one_by_one.pcm == (await hear([recording])).pcm != b""


async def test_a_piece_may_be_huge() -> None:
    recording = record("lossless", VOICE * 10)

    assert (await hear([recording])).pcm == VOICE * 10


@pytest.mark.parametrize("kind", KINDS)
async def test_a_pause_is_time_where_the_clock_of_the_recording_goes_on(kind: str) -> None:
    heard = await hear([record(kind, VOICE, VOICE, pause_s=3.0)])

    assert heard.gaps == [pytest.approx(3.0, abs=0.03)]
    assert heard.seconds == pytest.approx(9.0, abs=0.1)


async def test_a_pause_takes_no_time_where_the_clock_stands_still() -> None:
    heard = await hear([record("lossless", VOICE, VOICE)])

    assert heard.pcm == VOICE * 2
    assert heard.gaps == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_piece_that_is_lost_is_a_gap_as_long_as_it_was(kind: str) -> None:
    parts = fragments_of(record(kind, VOICE * 2))
    middle = len(parts) * 2 // 3
    heard = await hear([*parts[:middle], *parts[middle + 2 :]])

    assert heard.fault is None
    assert len(heard.gaps) == 1
    assert heard.seconds == pytest.approx(6.0, abs=0.06)


async def test_recordings_one_behind_the_other_are_one() -> (
    None
):  # who calls stop and start again for each piece sends this
    parts = [record("lossless", VOICE[at : at + 96_000]) for at in range(0, len(VOICE), 96_000)]

    assert (await hear(parts)).pcm == VOICE


@pytest.mark.parametrize("kind", ["chromium", "safari", "firefox"])
async def test_garbage_behind_a_valid_head_is_a_fault(kind: str) -> None:
    heard = await hear([head_of(RECORDINGS[kind]), *cut(GARBAGE, 4096)])

    assert heard.pcm == b""
    assert heard.fault is not None
    assert heard.fault.message.startswith(("invalid stream: ", "unsupported format: "))
    assert "expected one recording from its first byte on" in heard.fault.message


async def test_garbage_in_the_middle_is_passed_over() -> None:
    parts = fragments_of(RECORDINGS["chromium"])
    heard = await hear([*parts[:3], GARBAGE, *parts[3:]])

    assert heard.fault is None
    assert heard.seconds == pytest.approx(3.0, abs=0.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_whole_head", [True, False])
async def test_a_recorder_that_is_stopped_at_once_has_said_nothing(
    kind: str, has_whole_head: bool
) -> None:
    head = head_of(RECORDINGS[kind])
    heard = await hear([head if has_whole_head else head[:20]])

    assert heard.fault is None
    assert heard.pcm == b""


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        (record_picture(), "unsupported format: found video without an audio track; expected"),
        (record("file", VOICE),
         "unsupported format: found an MP4 file whose index is at its end (make it with"),
        (b"OggS\x00\x00" + GARBAGE, "unsupported format: found an Ogg"),
    ],
)  # fmt: skip
async def test_what_cannot_be_decoded_is_named(piece: bytes, words: str) -> None:
    heard = await hear([piece, piece])

    assert heard.fault is not None
    assert heard.fault.message.startswith(words)
    assert "URL" not in heard.fault.message


async def test_who_takes_no_events_holds_the_writer_up() -> None:
    media, heard = begin(), Heard()
    opened = asyncio.Event()
    may_go_on = asyncio.Event()

    async def hear_later() -> None:
        async for event in media.events():
            heard.events.append(event)
            opened.set()
            await may_go_on.wait()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(hear_later())
        writing = tasks.create_task(media.write(record("lossless", VOICE * 5)))
        await opened.wait()
        done, _ = await asyncio.wait([writing], timeout=0.2)
        assert not done
        media.end()  # behind what is being written
        may_go_on.set()

    assert heard.pcm == VOICE * 5


async def test_a_decoder_that_is_killed_is_told_and_nobody_waits_for_it() -> None:
    media, heard = begin(), Heard()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(hear_on(media, heard))
        await media.write(RECORDINGS["chromium"])
        assert media.pid is not None
        os.kill(media.pid, signal.SIGKILL)
        for _ in range(50):
            await media.write(GARBAGE)

    assert heard.fault is not None
    assert "the decoder crashed or used more than it may" in heard.fault.message


async def test_what_is_written_when_nobody_hears_any_more_is_dropped() -> None:
    media = begin()
    events = media.events()
    writing = asyncio.create_task(media.write(RECORDINGS["chromium"]))
    assert isinstance(await anext(events), SourceOpened)
    await events.aclose()

    async with asyncio.timeout(30):
        await writing
        await media.write(GARBAGE)
    assert media.pid is None


async def test_who_no_longer_waits_has_still_written_all_of_it_in_order() -> None:
    pieces = cut(next(iter(RECORDINGS.values())), 997)
    media, heard = begin(), Heard()
    for piece in pieces:
        waiting = asyncio.create_task(media.write(piece))
        await asyncio.sleep(0)  # until it waits: nobody hears yet
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    media.end()
    async with asyncio.timeout(30):
        await hear_on(media, heard)

    assert heard.fault is None
    assert heard.pcm == (await hear(pieces)).pcm


async def test_what_nobody_will_ever_take_is_let_go_of() -> None:
    media = begin()
    waiting = asyncio.create_task(media.write(b"fLaC"))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await media.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
