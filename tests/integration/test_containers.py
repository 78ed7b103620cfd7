"""Every kind of file through a pull: made by ffmpeg, served by an origin, decoded as it comes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import quote

import pytest

from scribewire.engines.loader import load_engines
from scribewire.sources.events import SourceAudio, SourceEvent, SourceOpened
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from scribewire.testing.running import run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.decoding import DECODERS
from tests.parts.installed import need_part
from tests.parts.likeness import measure_likeness
from tests.parts.media import FILE_KINDS, make_file, run_ffmpeg
from tests.parts.origin import run_origin

HOME = AddressPolicy(named=(AddressRule(host="127.0.0.1"),))
FRAMES_S = 0.1  # an encoder of AAC begins a frame early and fills the last one
DRAWN = "." * 70 + "hello" * 3 + "." * 90 + "world" * 3 + "." * 20
LOSSLESS = [name for name, kind in FILE_KINDS.items() if kind.is_lossless]
LOSSY = [name for name in FILE_KINDS if name not in LOSSLESS]


@pytest.fixture(autouse=True)
def _ffmpeg() -> None:
    need_part("ffmpeg")


async def pull(url: str) -> list[SourceEvent]:
    async with GuardedFetcher(HOME) as fetcher:
        sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=RetryRules(), open_timeout_s=15)
        async with contextlib.aclosing(sources.pull(url)) as events:
            return [event async for event in events]


def pcm_of(events: list[SourceEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, SourceAudio))


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOSSLESS)
async def test_a_lossless_file_is_heard_sample_by_sample(
    kind: str, speech: bytes, tmp_path: Path
) -> None:
    file = make_file(tmp_path, speech, kind)
    async with run_origin(tmp_path) as origin:
        events = await pull(origin.url(file.name))

    assert pcm_of(events) == speech


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOSSY)
async def test_a_lossy_file_is_heard_from_beginning_to_end(
    kind: str, speech: bytes, tmp_path: Path
) -> None:
    file = make_file(tmp_path, speech, kind)
    async with run_origin(tmp_path) as origin:
        events = await pull(origin.url(file.name))

    opened = events[0]
    assert isinstance(opened, SourceOpened)
    assert not opened.is_live
    found = measure_likeness(pcm_of(events), speech)
    assert found.correlation > 0.98
    assert 0 <= found.delay_s <= FRAMES_S
    assert 0 <= found.surplus_s <= FRAMES_S


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOSSLESS)
async def test_what_is_pulled_gives_the_finals_of_what_is_pushed(kind: str, tmp_path: Path) -> None:
    pcm = draw_pcm(DRAWN)
    file = make_file(tmp_path, pcm, kind)
    async with run_origin(tmp_path) as origin, run_server(allow_source=("127.0.0.1",)) as server:
        path = f"/v2/client/key-1?url={quote(origin.url(file.name), safe='')}"
        async with server.dial(path) as pulled:
            code = await pulled.until_closed()
        async with server.dial() as pushed:
            await pushed.send('{"action":"start"}', pcm, '{"action":"stop"}')
            await pushed.until_closed()

    finals = [[m for m in d.messages if m.get("is_final")] for d in (pulled, pushed)]
    assert code == 1000
    assert pulled.finals == ["hello" * 3, "world" * 3]
    assert finals[0] == finals[1]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how"), [("two.mp4", "+faststart"), ("two.ts", "")])
async def test_real_speech_on_the_second_track_is_heard_where_the_first_is_silent(
    name: str, how: str, speech: bytes, tmp_path: Path
) -> None:
    silent = ("-f", "lavfi", "-t", "14", "-i", "anullsrc=r=48000:cl=stereo")
    spoken = ("-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0")
    codec = ("-map", "0", "-map", "1", "-c:a", "aac", *(("-movflags", how) if how else ()))
    run_ffmpeg((*silent, *spoken, *codec, str(tmp_path / name)), bytes(32_000) + speech)
    heard: dict[str, list[dict[str, object]]] = {}
    engines = load_engines()
    async with (
        run_origin(tmp_path) as origin,
        run_server(engines, allow_source=("127.0.0.1",)) as server,
    ):
        for wish in ("", "&track=1", "&track=2"):
            path = f"/v2/client/key-1?url={quote(origin.url(name), safe='')}{wish}"
            async with server.dial(path) as dialogue:
                assert await dialogue.until_closed() == 1000
            heard[wish] = [m for m in dialogue.messages if m.get("is_final")]

    assert heard["&track=1"] == []
    assert len(heard["&track=2"]) > 1
    assert heard[""] == heard["&track=2"]  # the times of the words too
