from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from scribewire import __version__
from scribewire.events import Final
from scribewire.server.spans import Spans, spans_to_collector
from scribewire.testing.running import run_server
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes
from tests.parts.collector import run_collector

SECOND_NS = 10**9
SPOKEN = "hello"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def spans_into(exporter: InMemorySpanExporter, *, now_ns: int = 0) -> Spans:
    return Spans(SimpleSpanProcessor(exporter), {}, now_ns=lambda: now_ns)


def final(utterance: int = 0) -> Final:
    return Final(
        utterance=utterance,
        text=SPOKEN,
        start_sample=16_000,
        end_sample=32_000,
        decided_sample=40_000,
    )


def test_a_final_lasts_from_its_silence_to_its_text_inside_its_session(
    exporter: InMemorySpanExporter,
) -> None:
    spans = spans_into(exporter, now_ns=100 * SECOND_NS)
    session = spans.open_session("5e55", Wishes(language="nl"))
    session.note_final(final(), 0.25)
    session.close()

    of_final, of_session = exporter.get_finished_spans()
    assert (of_final.name, of_session.name) == ("final", "session")
    assert of_final.start_time == 99.75 * SECOND_NS
    assert of_final.end_time == 100 * SECOND_NS
    assert of_final.parent == of_session.context
    assert of_final.attributes == {
        "scribewire.utterance": 0,
        "scribewire.final.start_ms": 1000,
        "scribewire.final.end_ms": 2000,
        "scribewire.final.latency_ms": 250,
    }


def test_a_session_says_what_was_asked_for_and_what_came(exporter: InMemorySpanExporter) -> None:
    spans = spans_into(exporter)
    session = spans.open_session("5e55", Wishes(mode="quality", url="http://user:secret@host/a"))
    session.note_audio(1.5)
    session.note_partial(0.1)
    session.note_source_loss()
    session.note_source_fault("invalid stream")
    session.close()

    (span,) = exporter.get_finished_spans()
    assert span.parent is None
    assert span.resource.attributes["service.name"] == "scribewire"
    assert span.resource.attributes["service.version"] == __version__
    assert span.status.description == "invalid stream"
    assert span.attributes == {
        "scribewire.session.id": "5e55",
        "scribewire.mode": "quality",
        "scribewire.language": "default",
        "scribewire.source": "pulled",
        "scribewire.audio_s": 1.5,
        "scribewire.partials": 1,
        "scribewire.finals": 0,
        "scribewire.source.losses": 1,
    }


async def test_a_server_s_sessions_and_finals_become_spans(exporter: InMemorySpanExporter) -> None:
    spans = Spans(SimpleSpanProcessor(exporter), {})
    async with run_server(observer=spans) as server, server.dial() as client:
        await client.send('{"action":"start"}', draw_pcm(f"..{SPOKEN}" + "." * 20))
        await client.send('{"action":"stop"}')
        await client.until_closed()
        assert client.finals == [SPOKEN]

    found: list[ReadableSpan] = list(exporter.get_finished_spans())
    assert [span.name for span in found] == ["final", "session"]
    assert not any(SPOKEN in span.to_json() for span in found)


async def test_what_is_left_is_sent_to_the_collector_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bodies: list[bytes] = []
    async with run_collector(bodies) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        spans = spans_to_collector({})
        session = spans.open_session("5e55-ion", Wishes())
        session.note_final(final(), 0.25)
        session.close()
        await asyncio.to_thread(spans.close)

    (body,) = bodies
    assert body.startswith(b"post /v1/traces ")
    assert b"5e55-ion" in body
    assert SPOKEN.encode() not in body
