"""What is remembered for one source and for no other, through all of sources."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from scribewire.sources.events import SourceAudio
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from tests.parts.decoding import DECODERS
from tests.parts.raw_origin import head, ok, run_raw_origin
from tests.parts.wav import wav

HOME = AddressPolicy(named=(AddressRule(host="127.0.0.1"),))
PCM = b"\x10\x00" * 16_000
PLAYLIST = b"#EXTM3U\nlive.wav\n"


def for_those_with_a_cookie(request: bytes) -> bytes:
    has_it = b"cookie: pass=yes\r\n" in request.lower()
    return ok(wav(PCM)) if has_it else head("403 Forbidden")


@pytest.fixture
async def sources() -> AsyncIterator[Sources]:
    async with GuardedFetcher(HOME) as fetcher:
        yield Sources(
            fetcher=fetcher,
            decoders=DECODERS,
            retry=RetryRules(give_up_after_s=0),
            open_timeout_s=10,
        )


async def heard(sources: Sources, url: str) -> bytes:
    async with contextlib.aclosing(sources.pull(url)) as events:
        return b"".join([event.pcm async for event in events if isinstance(event, SourceAudio)])


async def test_a_redirect_to_itself_may_set_a_cookie(sources: Sources) -> None:
    def gate(request: bytes) -> bytes:
        if b"pass=yes" in request:
            return ok(wav(PCM))
        return head("302 Found", "Location: /live.wav", "Set-Cookie: pass=yes; Path=/")

    async with run_raw_origin(gate) as origin:
        assert await heard(sources, origin.url("/live.wav")) == PCM


async def test_a_playlist_may_set_one_that_its_media_need(sources: Sources) -> None:
    async with run_raw_origin() as origin:
        origin.paths["/list.m3u"] = ok(PLAYLIST, "Set-Cookie: pass=yes")
        origin.paths["/live.wav"] = for_those_with_a_cookie
        assert await heard(sources, origin.url("/list.m3u")) == PCM


async def test_a_cookie_is_not_shown_to_another_session(sources: Sources) -> None:
    async with run_raw_origin() as origin:
        origin.paths["/list.m3u"] = ok(PLAYLIST, "Set-Cookie: pass=yes")
        origin.paths["/live.wav"] = for_those_with_a_cookie
        await heard(sources, origin.url("/list.m3u"))
        with pytest.raises(SourceFault, match="403"):
            await heard(sources, origin.url("/live.wav"))
