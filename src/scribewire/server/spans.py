"""An observer that makes a span of OpenTelemetry for each session, and in it one for each final.

A span holds times, counts and what was asked for; no text, no key, no URL.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from scribewire import __version__
from scribewire.types import samples_to_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer

    from scribewire.events import Final
    from scribewire.runtime.observer import CallNote, NotResumed, SessionObserver
    from scribewire.wishes import Wishes


def spans_to_collector(environment: Mapping[str, str]) -> Spans:
    """Return spans that are sent, in a thread, where OpenTelemetry's variables say."""
    return Spans(BatchSpanProcessor(OTLPSpanExporter()), environment)


class Spans:
    """An `Observer`; of calls, refusals, closes and what is kept there are no spans."""

    def __init__(
        self,
        processor: SpanProcessor,
        environment: Mapping[str, str],
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        attributes = {"service.version": __version__}
        has_name = "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
        if not has_name and not environment.get("OTEL_SERVICE_NAME"):
            attributes["service.name"] = "scribewire"
        resource = Resource.create(attributes)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("scribewire", __version__)
        self._now_ns = now_ns

    def open_session(self, session_id: str, wishes: Wishes) -> SessionObserver:
        """Begin the span of a session."""
        attributes = {
            "scribewire.session.id": session_id,
            "scribewire.mode": wishes.mode,
            "scribewire.language": wishes.language or "default",
            "scribewire.source": "pushed" if wishes.url is None else "pulled",
        }
        span = self._tracer.start_span(
            "session", Context(), SpanKind.SERVER, attributes, start_time=self._now_ns()
        )
        return _SessionSpan(span, self._tracer, self._now_ns)

    def note_call(self, note: CallNote) -> None:
        """Make nothing of it: there are hundreds a second."""

    def note_refusal(self, reason: str) -> None:
        """Make nothing of it."""

    def note_close(self, code: int) -> None:
        """Make nothing of it."""

    def note_kept(self) -> None:
        """Make nothing of it: the span of a session goes on while it is kept."""

    def note_resumed(self) -> None:
        """Make nothing of it."""

    def note_not_resumed(self, reason: NotResumed) -> None:
        """Make nothing of it: its span ends with it."""

    def note_moved(self) -> None:
        """Make nothing of it: its span ends here, and another server makes one of the rest."""

    def close(self) -> None:
        """Send what has not been sent, or give up in time."""
        self._provider.shutdown()


class _SessionSpan:
    """The span of one session, and those of its finals."""

    def __init__(self, span: Span, tracer: Tracer, now_ns: Callable[[], int]) -> None:
        self._span = span
        self._tracer = tracer
        self._now_ns = now_ns
        self._audio_s = 0.0
        self._partials = self._finals = self._losses = 0

    def note_audio(self, seconds: float) -> None:
        self._audio_s += seconds

    def note_partial(self, lag_s: float | None) -> None:
        self._partials += 1

    def note_final(self, final: Final, latency_s: float | None) -> None:
        self._finals += 1
        now_ns = self._now_ns()
        attributes: dict[str, float] = {
            "scribewire.utterance": final.utterance,
            "scribewire.final.start_ms": samples_to_ms(final.start_sample),
            "scribewire.final.end_ms": samples_to_ms(final.end_sample),
        }
        if latency_s is not None:
            attributes["scribewire.final.latency_ms"] = round(latency_s * 1000)
        begun_ns = now_ns - round((latency_s or 0.0) * 1e9)
        inside = set_span_in_context(self._span, Context())
        span = self._tracer.start_span("final", inside, attributes=attributes, start_time=begun_ns)
        span.end(now_ns)

    def note_source_loss(self) -> None:
        self._losses += 1

    def note_source_fault(self, cause: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, cause))

    def close(self) -> None:
        self._span.set_attributes(
            {
                "scribewire.audio_s": round(self._audio_s, 3),
                "scribewire.partials": self._partials,
                "scribewire.finals": self._finals,
                "scribewire.source.losses": self._losses,
            }
        )
        self._span.end(self._now_ns())
