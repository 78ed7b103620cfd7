from __future__ import annotations

import contextlib
import gzip
from collections.abc import Sequence

import numpy as np
import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
)
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from tests.parts.decoding import DECODERS
from tests.parts.raw_origin import HANG, head, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

HOME = AddressPolicy(named=(AddressRule(host="127.0.0.1"),))
PCM = b"\x10\x00" * 48_000
LIVE = live(wav(PCM, size=FOREVER))
LATER_PCM = b"\x20\x00" * 48_000
LATER = live(wav(LATER_PCM, size=FOREVER))
NO_WAIT = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=0.05)


async def pull(url: str, into: list[SourceEvent], retry: RetryRules = NO_WAIT) -> None:
    async with GuardedFetcher(HOME) as fetcher:
        sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=retry, open_timeout_s=10)
        async with contextlib.aclosing(sources.pull(url)) as events:
            async for event in events:
                into.append(event)  # noqa: PERF401 - kept when the source fails


def pcm_of(events: Sequence[SourceEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, SourceAudio))


def kinds(events: Sequence[SourceEvent]) -> list[type[SourceEvent]]:
    return [type(event) for event in events if not isinstance(event, SourceAudio)]


async def test_a_finite_source_is_opened_read_and_over() -> None:
    body = wav(PCM)
    events: list[SourceEvent] = []
    async with run_raw_origin(ok(body)) as origin:
        await pull(origin.url("/a.wav"), events)

    assert isinstance(events[0], SourceOpened)
    assert not events[0].is_live
    assert events[0].info.codec == "pcm_s16le"
    assert pcm_of(events) == PCM


async def test_a_live_source_is_lost_found_again_and_given_up() -> None:
    events: list[SourceEvent] = []
    async with run_raw_origin(LIVE, LATER, head("404 Not Found")) as origin:
        with pytest.raises(SourceFault, match="404") as given_up:
            await pull(origin.url("/a.wav"), events)

    told = [kind for kind in kinds(events) if kind is not SourceGap]
    assert told == [SourceOpened, SourceLost, SourceOpened, SourceLost]
    assert SourceGap in kinds(events)
    assert pcm_of(events) == PCM + LATER_PCM
    assert given_up.value.close_code is CloseCode.SERVER_FAULT


async def test_what_a_radio_server_sends_once_more_is_heard_once() -> None:
    air = (
        np.random.default_rng(0).integers(-5000, 5000, round(6.8 * 16_000)).astype("<i2").tobytes()
    )
    second = 32_000

    def sent(start: float, end: float) -> bytes:
        return live(wav(air[round(start * second) : round(end * second)], size=FOREVER))

    events: list[SourceEvent] = []
    async with run_raw_origin(sent(0, 5), sent(2, 5.9), sent(4, 6.8), head("410 Gone")) as origin:
        with pytest.raises(SourceFault, match="410"):
            await pull(origin.url("/a.wav"), events)

    assert pcm_of(events) == air
    assert sum(event.seconds for event in events if isinstance(event, SourceGap)) == 0


async def test_a_source_that_only_ever_hangs_up_is_our_failure_in_the_end() -> None:
    events: list[SourceEvent] = []
    async with run_raw_origin(LIVE, head("503 Busy")) as origin:
        with pytest.raises(SourceFault) as given_up:
            await pull(origin.url("/a.wav"), events)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT
    assert pcm_of(events) == PCM


async def test_a_source_that_gives_next_to_nothing_each_time_is_given_up() -> None:
    crumb = live(wav(bytes(8), size=FOREVER))
    events: list[SourceEvent] = []
    async with run_raw_origin(LIVE, crumb) as origin:
        with pytest.raises(SourceFault) as given_up:
            await pull(origin.url("/a.wav"), events)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT


async def test_a_live_source_that_asks_for_a_password_is_not_tried_again() -> None:
    events: list[SourceEvent] = []
    async with run_raw_origin(LIVE, head("401 Who"), LIVE) as origin:
        with pytest.raises(SourceFault, match="authentication") as refused:
            await pull(origin.url("/a.wav"), events)

    assert refused.value.close_code is CloseCode.CLIENT_FAULT
    assert pcm_of(events) == PCM


@pytest.mark.slow
async def test_one_may_leave_while_audio_is_held_back() -> None:
    async with (
        run_raw_origin(LIVE, (LATER, HANG)) as origin,
        GuardedFetcher(HOME) as fetcher,
    ):
        sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=NO_WAIT, open_timeout_s=10)
        events: list[SourceEvent] = []
        async with contextlib.aclosing(sources.pull(origin.url("/a.wav"))) as pulled:
            # The rest is of the second connection, which is silent now.
            while len(pcm_of(events)) <= len(PCM):
                events.append(await anext(pulled))


async def test_a_source_that_never_gave_audio_is_not_tried_again() -> None:
    events: list[SourceEvent] = []
    async with run_raw_origin(head("503 Busy"), LIVE) as origin:
        with pytest.raises(SourceFault, match="503"):
            await pull(origin.url("/a.wav"), events)

    assert events == []


async def test_an_address_that_is_not_allowed_is_not_connected_to() -> None:
    async with GuardedFetcher(AddressPolicy()) as fetcher:
        sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=NO_WAIT, open_timeout_s=10)
        with pytest.raises(SourceFault, match="not allowed"):
            await anext(sources.pull("http://127.0.0.1:1/a.wav"))


async def test_a_file_that_comes_compressed_is_heard_once() -> None:
    body = gzip.compress(wav(PCM))
    events: list[SourceEvent] = []
    async with run_raw_origin(ok(body, "content-encoding: gzip")) as origin:
        await pull(origin.url("/a.wav"), events)

    assert kinds(events) == [SourceOpened]
    assert pcm_of(events) == PCM


async def test_each_variant_has_its_own_head() -> None:
    body = wav(PCM)
    events: list[SourceEvent] = []
    async with run_raw_origin(head("404 Not Found")) as origin:
        origin.paths["/master"] = ok(
            b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/low/list\n"
            b"#EXT-X-STREAM-INF:BANDWIDTH=2\n/high/list\n"
        )
        for folder in ("/low", "/high"):
            origin.paths[f"{folder}/list"] = ok(
                b'#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-MAP:URI="head"\n'
                b"#EXTINF:3,\nmedia\n#EXT-X-ENDLIST\n"
            )
            origin.paths[f"{folder}/media"] = ok(body[44:])
        origin.paths["/low/head"] = ok(b"<!doctype html>")
        origin.paths["/high/head"] = ok(body[:44])
        await pull(origin.url("/master"), events)

    assert pcm_of(events) == PCM


@pytest.mark.slow
async def test_segments_that_are_files_are_heard_each_by_itself() -> None:
    pieces = [bytes([number, 0]) * 16_000 for number in range(1, 4)]
    entries = "".join(f"#EXTINF:1,\n/{number}.wav\n" for number in range(3))
    events: list[SourceEvent] = []
    async with run_raw_origin(head("404 Not Found")) as origin:
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{entries}#EXT-X-ENDLIST\n"
        origin.paths["/list"] = ok(text.encode())
        for number, pcm in enumerate(pieces):
            origin.paths[f"/{number}.wav"] = ok(wav(pcm))
        await pull(origin.url("/list"), events)

    assert pcm_of(events) == b"".join(pieces)
