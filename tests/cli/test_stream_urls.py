from __future__ import annotations

import io
from collections.abc import AsyncIterator

import av
import numpy as np
import pytest

from scribewire.cli.audio_sources import AudioSource, SourceNote
from scribewire.cli.captions import Captions
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.screen import Screen
from scribewire.cli.stream_urls import check_stream_url, pulling_here, pulling_there
from scribewire.cli.transcribers import Transcriber, transcribing_here
from scribewire.cli.transcription import run_transcription
from scribewire.engines.engines import Engines
from scribewire.settings import Settings
from scribewire.sources.faults import SourceFault
from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_pcm
from scribewire.wishes import Wishes
from tests.parts.cutting_proxy import Cut, run_cutting_proxy
from tests.parts.film import make_film
from tests.parts.raw_origin import HANG, RawOrigin, head, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

HELLO = draw_pcm("." * 70 + "hello" * 3 + "." * 20)
WORLD = draw_pcm("." * 70 + "world" * 3 + "." * 20)


@pytest.fixture
async def own_server() -> AsyncIterator[RunningServer]:
    """A server that may pull from this machine."""
    async with run_server(None, named_source="http://127.0.0.1", source_retry_ms=5_000) as server:
        yield server


def scripted() -> Engines:
    return Engines(ScriptedVad(), (ScriptedEngine(),))


WRONG = [
    ("rtsp://u:word@camera/a", "rtsp: URLs cannot be opened: expected http:// or https://; pipe"),
    ("FILE:///etc/passwd", "file: URLs cannot be opened"),
    ("http:///a.mp3", "the URL names no host"),
    ("http://host:99999/a.mp3", "bad port"),
    ("http://0x7f.1/a.mp3", "an IP address in an unusual notation"),
]


@pytest.mark.parametrize(("url", "words"), WRONG, ids=[url for url, _ in WRONG])
def test_a_url_that_cannot_be_asked_for_is_a_usage_error(url: str, words: str) -> None:
    with pytest.raises(CommandFault) as caught:
        check_stream_url(url)

    assert words in str(caught.value)
    assert "word" not in str(caught.value)
    assert caught.value.code is ExitCode.USAGE


def test_a_url_with_everything_that_it_may_have_passes() -> None:
    check_stream_url("HTTPS://user:word@host.example:8443/a%20b/live?token=1#t=3")


def endless(pcm: bytes) -> bytes:
    """Return what a live source sends of it before it hangs up."""
    return live(wav(pcm, size=FOREVER))


def url_of(media: RawOrigin) -> str:
    return media.url("/talk.wav?secret=1", user="user:word")


async def chunks_of(source: AudioSource) -> list[bytes | SourceNote]:
    return [chunk async for chunk in source.chunks]


async def hear(source: AudioSource, transcriber: Transcriber) -> tuple[ExitCode, str, str]:
    """Return how it ended, the transcript and what was told beside it."""
    out, err = io.StringIO(), io.StringIO()
    with Screen(out, err) as screen:
        code = await run_transcription(source.chunks, transcriber, Captions("json"), screen)
    return code, out.getvalue(), err.getvalue()


async def hear_here(url: str, settings: Settings | None = None) -> tuple[ExitCode, str, str]:
    settings = settings or Settings()
    async with (
        pulling_here(Wishes(url=url), settings) as source,
        transcribing_here(Wishes(partials=False), scripted(), settings) as there,
    ):
        return await hear(source, there)


async def test_a_file_is_fetched_whole_with_the_password_of_its_url() -> None:
    async with (
        run_raw_origin(ok(wav(HELLO))) as media,
        pulling_here(Wishes(url=url_of(media)), Settings()) as source,
    ):
        chunks = await chunks_of(source)

    assert b"".join(chunk for chunk in chunks if isinstance(chunk, bytes)) == HELLO
    assert media.fields()["authorization"].startswith("Basic ")


async def test_the_length_of_a_file_is_known_where_it_says_so() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        for part in (frame, None):
            output.mux(stream.encode(part))

    async with (
        run_raw_origin(ok(file.getvalue())) as media,
        pulling_here(Wishes(url=url_of(media)), Settings()) as source,
    ):
        duration_ms = source.duration_ms

    assert duration_ms is not None
    assert 1000 <= duration_ms <= 1128  # whole frames of the codec, and its delay


async def test_here_and_on_a_server_the_same_is_written(
    own_server: RunningServer,
) -> None:
    async with run_raw_origin(ok(wav(HELLO + WORLD))) as media:
        here = await hear_here(url_of(media))
        async with pulling_there(
            Wishes(url=url_of(media), partials=False), server=own_server.address.url, key=KEYS[0]
        ) as remote:
            there = await hear(remote.source, remote.transcriber)

    code, written, told = here
    assert [text in written for text in ("hello" * 3, "world" * 3)] == [True, True]
    assert (code, told) == (ExitCode.DONE, "")
    assert there == here


@pytest.mark.slow
async def test_a_lost_source_is_told_in_a_line_and_breaks_off() -> None:
    pcm, notes = b"", []
    # A live source is decoded to its last sample only when more comes.
    more = bytes(len(HELLO))
    async with (
        run_raw_origin(endless(HELLO), (endless(WORLD + more), HANG)) as media,
        pulling_here(Wishes(url=url_of(media)), Settings(source_retry_ms=5_000)) as source,
    ):
        async for chunk in source.chunks:
            if isinstance(chunk, SourceNote):
                notes.append(chunk.words)
                continue
            pcm += chunk
            if len(pcm) >= len(HELLO + WORLD):
                break

    assert source.duration_ms is None
    # More comes at once than time has passed: nothing is missing.
    assert pcm.startswith(HELLO + WORLD)
    lost = "source lost (invalid stream: the stream has ended); connecting again"
    assert notes == [lost, "", "the source is back"]


@pytest.mark.slow
async def test_what_a_server_says_of_a_lost_source_is_told_too(
    own_server: RunningServer,
) -> None:
    async with (
        run_raw_origin(endless(HELLO), (endless(WORLD), HANG)) as media,
        pulling_there(
            Wishes(url=url_of(media), partials=False), server=own_server.address.url, key=KEYS[0]
        ) as remote,
    ):
        results = remote.transcriber.results()
        finals = [(await anext(results)).text for _ in range(2)]
        await remote.transcriber.stop()
        rest = [result async for result in results]
        notes = [note.words async for note in remote.source.chunks if isinstance(note, SourceNote)]

    assert (finals, rest) == (["hello" * 3, "world" * 3], [])
    assert notes == ["source lost; the server is connecting again", "the source is back"]


@pytest.mark.slow
async def test_a_server_that_is_lost_is_no_lost_source(own_server: RunningServer) -> None:
    told: list[str] = []
    plans = [Cut(at_words=b'"number":1'), Cut(at_words=b'"listening"')]
    async with (
        run_raw_origin(ok(wav(HELLO + WORLD))) as media,
        run_cutting_proxy(own_server.address.port, plans) as proxy,
        pulling_there(
            Wishes(url=url_of(media), partials=False),
            server=f"ws://127.0.0.1:{proxy.port}",
            key=KEYS[0],
        ) as remote,
    ):
        remote.transcriber.tell_with(told.append)
        finals = [result.text async for result in remote.transcriber.results()]
        notes = [note async for note in remote.source.chunks]

    assert finals == ["hello" * 3, "world" * 3]
    assert (set(told), notes) == ({"connection lost; coming back"}, [])


async def test_a_source_that_is_given_up_is_a_fault_after_what_was_heard() -> None:
    out, settings = io.StringIO(), Settings(source_retry_ms=0)
    async with (
        run_raw_origin(endless(HELLO), head("404 Not Found")) as media,
        pulling_here(Wishes(url=url_of(media)), settings) as source,
        transcribing_here(Wishes(partials=False), scripted(), settings) as hearer,
    ):
        with Screen(out, io.StringIO()) as screen, pytest.raises(SourceFault, match="has ended"):
            await run_transcription(source.chunks, hearer, Captions("text"), screen)

    assert out.getvalue() == "hello" * 3 + "\n"


FAULTS = [
    ("404 Not Found", [], b"", "invalid stream: the server answered HTTP 404"),
    ("401 Unauthorized", [], b"", "stream requires authentication: the server answered HTTP 401"),
    ("200 OK", [], b"<!DOCTYPE html><html></html>" * 50, "unsupported format: found an HTML page"),
    # The host that was named may be here; what it leads to may not.
    ("302 Found", ["location: http://127.0.0.2:1/a.wav"], b"", "stream address not allowed"),
]


@pytest.mark.parametrize(("status", "lines", "body", "words"), FAULTS, ids=[f[0] for f in FAULTS])
async def test_here_and_on_a_server_a_fault_has_the_same_words(
    status: str,
    lines: list[str],
    body: bytes,
    words: str,
    own_server: RunningServer,
) -> None:
    async with run_raw_origin(head(status, *lines, body=body)) as media:
        with pytest.raises(SourceFault) as here:
            await hear_here(url_of(media))
        with pytest.raises(CommandFault) as there:
            async with pulling_there(
                Wishes(url=url_of(media), partials=False),
                server=own_server.address.url,
                key=KEYS[0],
            ):
                pass

    assert words in here.value.message
    assert str(there.value) == here.value.message
    assert there.value.code is ExitCode.FAILED
    assert "secret" not in here.value.message


async def test_what_is_denied_stays_denied_though_it_was_named() -> None:
    async with run_raw_origin(ok(wav(HELLO))) as media:
        with pytest.raises(SourceFault, match="list of denied sources"):
            await hear_here(url_of(media), Settings(deny_source=("127.0.0.0/8",)))

    assert media.requests == []


async def test_a_silent_track_that_is_left_is_told() -> None:
    film = make_film(bytes(len(HELLO)), HELLO)
    async with run_raw_origin(ok(film)) as media:
        wishes = Wishes(url=url_of(media), language="en")
        async with pulling_here(wishes, Settings()) as source:
            chunks = await chunks_of(source)

    notes = [chunk for chunk in chunks if isinstance(chunk, SourceNote)]
    assert notes == [SourceNote("silent so far; going on with track 2 (pcm_s16le)")]
    assert b"".join(chunk for chunk in chunks if isinstance(chunk, bytes)) == HELLO
