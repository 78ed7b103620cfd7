from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.settings import Settings
from scribewire.sources.configured import configured_sources
from scribewire.sources.faults import SourceFault
from scribewire.sources.probe import SourceReport, probe_source
from scribewire.testing.scripted import ScriptedVad, draw_speech

if TYPE_CHECKING:
    from tests.sources.conftest import RawServer

ENDLESS = 0xFFFFFFFF


def wav(pcm: bytes, size: int | None = None) -> bytes:
    length = len(pcm) if size is None else size
    head = b"RIFF" + min(length + 36, ENDLESS).to_bytes(4, "little") + b"WAVEfmt "
    form = b"\x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\x00\x7d\0\0\x02\0\x10\0data"
    return head + form + length.to_bytes(4, "little") + pcm


def finite(body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def live(body: bytes, *fields: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in ("connection: close", *fields))
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


def pcm_of(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    return (samples * 32_768).astype("<i2").tobytes()


async def probe(server: RawServer, seconds: float = 2.0) -> SourceReport:
    url = server.url("/a.wav?secret=1")
    async with configured_sources(Settings(), named=url) as sources:
        return await probe_source(sources, url, seconds, vad=ScriptedVad())


async def test_a_file_is_described_and_its_first_seconds_are_measured(
    raw_server: RawServer,
) -> None:
    # 32 ms a character: 0.64 s of silence and as much at the level of an `a`
    drawn = draw_speech("." * 20 + "a" * 20)
    raw_server.answers = [finite(wav(pcm_of(drawn)))]

    report = await probe(raw_server)

    level = 20 * np.log10(ord("a") / 256)
    assert (report.carrier, report.is_live, report.lost_cause) == ("a file", False, None)
    assert (report.info.container, report.info.codec) == ("wav", "pcm_s16le")
    assert (report.info.rate_hz, report.info.channels) == (16_000, 1)
    assert report.received_s == drawn.size / 16_000
    assert report.peak_dbfs == pytest.approx(level)
    assert report.rms_dbfs == pytest.approx(level - 10 * np.log10(2))
    assert report.speech_s == pytest.approx(0.64)
    assert report.opened_after_s > 0
    assert report.receiving_took_s >= 0


async def test_no_more_is_heard_than_was_asked_for(raw_server: RawServer) -> None:
    raw_server.answers = [finite(wav(pcm_of(draw_speech("a" * 200))))]

    report = await probe(raw_server, seconds=1.5)

    assert report.received_s == 1.5
    assert report.speech_s == pytest.approx(46 * 0.032)


async def test_a_radio_stream_is_live_though_its_header_says_how_long_it_is(
    raw_server: RawServer,
) -> None:
    raw_server.answers = [live(wav(bytes(128_000), ENDLESS), "icy-name: Radio")]
    raw_server.hangs = True

    report = await probe(raw_server, seconds=1.0)

    assert (report.carrier, report.is_live, report.duration_s) == ("a radio stream", True, None)
    assert (report.received_s, report.speech_s) == (1.0, 0)


async def test_silence_has_no_level(raw_server: RawServer) -> None:
    raw_server.answers = [finite(wav(bytes(32_000)))]

    report = await probe(raw_server)

    assert (report.rms_dbfs, report.peak_dbfs) == (None, None)


async def test_a_live_source_that_breaks_off_is_told_with_its_cause(
    raw_server: RawServer,
) -> None:
    raw_server.answers = [live(wav(bytes(16_000), ENDLESS))]

    report = await probe(raw_server)

    assert report.received_s == 0.5
    assert report.lost_cause is not None
    assert report.lost_cause.startswith("invalid stream: the stream has ended")


async def test_to_open_is_enough_when_no_second_is_asked_for(raw_server: RawServer) -> None:
    raw_server.answers = [finite(wav(pcm_of(draw_speech("a" * 50))))]

    report = await probe(raw_server, seconds=0)

    assert (report.received_s, report.rms_dbfs, report.speech_s) == (0, None, 0)


async def test_what_cannot_be_used_fails_as_it_would_on_a_server(raw_server: RawServer) -> None:
    raw_server.answers = [finite(b"<!DOCTYPE html><html></html>" * 50)]

    with pytest.raises(SourceFault, match="unsupported format: found an HTML page"):
        await probe(raw_server)
