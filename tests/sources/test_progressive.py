from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass, field

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceAudio, SourceEvent, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.http.urls import check_url
from scribewire.sources.progressive import read_progressive
from scribewire.sources.retry import RetryRules
from tests.parts.raw_origin import Script, head, run_raw_origin
from tests.parts.wav import wav

HOME = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))
SOON = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=0.05)
PCM = bytes(range(200)) * 800
WAV = wav(PCM)


@dataclass
class Download:
    """Serves a file, up to the next of `ends` for each request, and notes what is asked for."""

    ends: list[int]
    refusals: list[str] = field(default_factory=list)
    """Answers to the first requests for a range."""
    fields: tuple[str, ...] = ()
    body: bytes = WAV
    ranges: list[str] = field(default_factory=list)
    """What was asked for, each as `first-last`."""
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Before that, no connection breaks off: what breaks at once may never be read."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Before that, no range but the first is answered; set for who does not wait for it."""

    def answer(self, request: bytes) -> Script:
        found = re.findall(rb"Range: bytes=(\S+)", request)
        self.ranges.extend(span.decode() for span in found)
        begin = int(found[0].partition(b"-")[0]) if found else 0
        return (
            *((self.lost,) if len(self.ranges) > 1 else ()),
            self.refuse() if found and self.refusals else self.send(begin, is_part=bool(found)),
            self.opened,
        )

    def note(self, event: SourceEvent) -> None:
        if isinstance(event, SourceOpened):
            self.opened.set()
        if isinstance(event, SourceLost):
            self.lost.set()

    def refuse(self) -> bytes:
        return head(self.refusals.pop(0))

    def send(self, begin: int, *, is_part: bool) -> bytes:
        span = f"Content-Range: bytes {begin}-{len(self.body) - 1}/{len(self.body)}"
        lines = (*self.fields, *((span,) if is_part else ()))
        end = self.ends.pop(0) if self.ends else len(self.body)
        whole = head("206 Part" if is_part else "200 OK", *lines, body=self.body[begin:])
        return whole[: len(whole) - (len(self.body) - end)]


async def read(origin: Download, into: list[SourceEvent], retry: RetryRules = SOON) -> None:
    async with (
        run_raw_origin(origin.answer) as server,
        GuardedFetcher(HOME) as fetcher,
        fetcher.open(url := server.url("/a.wav")) as response,
    ):
        opens_by = asyncio.get_running_loop().time() + 10
        reading = read_progressive(fetcher, check_url(url), response, opens_by, retry)
        async with contextlib.aclosing(reading) as events:
            async for event in events:
                into.append(event)
                origin.note(event)


def pcm_of(events: list[SourceEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, SourceAudio))


def kinds(events: list[SourceEvent]) -> list[type[SourceEvent]]:
    return [type(event) for event in events if not isinstance(event, SourceAudio)]


async def test_a_download_that_breaks_off_goes_on_where_it_stopped() -> None:
    origin, events = Download([70_000, 140_000]), list[SourceEvent]()
    origin.lost.set()
    await read(origin, events)

    assert isinstance(events[0], SourceOpened)
    assert pcm_of(events) == PCM
    spans = [asked.split("-") for asked in origin.ranges]
    # What the library had not handed over when a connection broke is asked for again.
    assert all(0 < int(first) <= 140_000 for first, _ in spans)
    # Old versions of Azure's service know no range without an end.
    assert {last for _, last in spans} == {str(len(WAV) - 1)}


async def test_what_is_waited_for_is_lost_and_opened_again() -> None:
    origin, events = Download([100_000], ["503 Busy", "500 Oh"]), list[SourceEvent]()
    await read(origin, events)

    assert kinds(events) == [SourceOpened, SourceLost, SourceOpened]  # and no gap in time
    assert pcm_of(events) == PCM
    assert len(origin.ranges) == 3


async def test_what_does_not_come_back_is_our_failure_after_its_audio() -> None:
    origin, events = Download([100_000], ["503 Busy"] * 1000), list[SourceEvent]()
    with pytest.raises(SourceFault, match="HTTP 503") as given_up:
        await read(origin, events)

    assert given_up.value.close_code is CloseCode.SERVER_FAULT
    assert kinds(events) == [SourceOpened, SourceLost]
    assert PCM.startswith(pcm_of(events))


async def test_a_fetch_that_fails_is_named_before_what_the_decoder_makes_of_it() -> None:
    origin = Download([20], ["404 Gone"])
    origin.opened.set()
    origin.lost.set()
    with pytest.raises(SourceFault, match="HTTP 404"):
        await read(origin, [])


@pytest.mark.parametrize(
    ("fields", "carrier"), [((), "a file"), (("x-ms-request-id: 1",), "an Azure blob")]
)
async def test_it_says_what_brings_the_audio(fields: tuple[str, ...], carrier: str) -> None:
    events = list[SourceEvent]()
    await read(Download([], fields=fields), events)

    assert isinstance(events[0], SourceOpened)
    assert (events[0].carrier, events[0].is_live) == (carrier, False)


async def test_what_is_no_audio_is_refused() -> None:
    origin = Download([], body=b"<!doctype html>")
    origin.opened.set()
    with pytest.raises(SourceFault, match="an HTML page"):
        await read(origin, [])
