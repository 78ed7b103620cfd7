from __future__ import annotations

import numpy as np
import pytest

from scribewire.settings import Settings
from scribewire.sources.configured import configured_sources
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.urls import check_url
from scribewire.sources.probe import SourceReport, probe_source
from scribewire.testing.scripted import ScriptedVad, draw_speech
from tests.parts.film import make_film
from tests.parts.raw_origin import HANG, RawOrigin, live, ok
from tests.parts.wav import FOREVER, wav


def pcm_of(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    return (samples * 32_768).astype("<i2").tobytes()


async def probe(server: RawOrigin, seconds: float = 2.0) -> SourceReport:
    url = server.url("/a.wav?secret=1")
    async with configured_sources(Settings(), named=check_url(url)) as sources:
        return await probe_source(sources, url, seconds, vad=ScriptedVad())


async def test_a_file_is_described_and_its_first_seconds_are_measured(
    raw_server: RawOrigin,
) -> None:
    # 32 ms a character: 0.64 s of silence and as much at the level of an `a`
    drawn = draw_speech("." * 20 + "a" * 20)
    raw_server.answers = [ok(wav(pcm_of(drawn)))]

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


async def test_the_track_that_would_be_heard_is_told_and_measured(raw_server: RawOrigin) -> None:
    pcm = pcm_of(draw_speech("." * 20 + "a" * 60))
    raw_server.answers = [ok(make_film(bytes(len(pcm)), pcm))]

    report = await probe(raw_server)

    assert (report.info.track, len(report.info.tracks)) == (2, 2)
    assert report.peak_dbfs == pytest.approx(20 * np.log10(ord("a") / 256))
    assert report.speech_s == pytest.approx(2 - 0.64, abs=0.032)


async def test_no_more_is_heard_than_was_asked_for(raw_server: RawOrigin) -> None:
    raw_server.answers = [ok(wav(pcm_of(draw_speech("a" * 200))))]

    report = await probe(raw_server, seconds=1.5)

    assert report.received_s == 1.5
    assert report.speech_s == pytest.approx(46 * 0.032)


async def test_a_radio_stream_is_live_though_its_header_says_how_long_it_is(
    raw_server: RawOrigin,
) -> None:
    raw_server.answers = [(live(wav(bytes(128_000), size=FOREVER), "icy-name: Radio"), HANG)]

    report = await probe(raw_server, seconds=1.0)

    assert (report.carrier, report.is_live, report.duration_s) == ("a radio stream", True, None)
    assert (report.received_s, report.speech_s) == (1.0, 0)


async def test_silence_has_no_level(raw_server: RawOrigin) -> None:
    raw_server.answers = [ok(wav(bytes(32_000)))]

    report = await probe(raw_server)

    assert (report.rms_dbfs, report.peak_dbfs) == (None, None)


async def test_a_live_source_that_breaks_off_is_told_with_its_cause(
    raw_server: RawOrigin,
) -> None:
    raw_server.answers = [live(wav(bytes(16_000), size=FOREVER))]

    report = await probe(raw_server)

    assert report.received_s == 0.5
    assert report.lost_cause is not None
    assert report.lost_cause.startswith("invalid stream: the stream has ended")


async def test_to_open_is_enough_when_no_second_is_asked_for(raw_server: RawOrigin) -> None:
    raw_server.answers = [ok(wav(pcm_of(draw_speech("a" * 50))))]

    report = await probe(raw_server, seconds=0)

    assert (report.received_s, report.rms_dbfs, report.speech_s) == (0, None, 0)


async def test_what_cannot_be_used_fails_as_it_would_on_a_server(raw_server: RawOrigin) -> None:
    raw_server.answers = [ok(b"<!DOCTYPE html><html></html>" * 50)]

    with pytest.raises(SourceFault, match="unsupported format: found an HTML page"):
        await probe(raw_server)
