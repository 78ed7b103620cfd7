"""What is counted while it happens, as Prometheus counts.

Theory of operation. Every series has labels of a few fixed values: modes, languages that are
served, models that serve, reasons that stand in the code. Nothing that a client has sent is one.
Each series is looked up once and kept, so that to count is one lock and one addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from scribewire.engines.served import name_of
from scribewire.errors import CloseCode
from scribewire.runtime.observer import NOT_RESUMED

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.events import Final as FinalEvent
    from scribewire.runtime.observer import CallKind, CallNote, NotResumed, SessionObserver
    from scribewire.wishes import Wishes

LATENCIES_S: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Bounds of what people wait for: dense up to what `--max-final-latency-ms` is, 0.7 s."""
CALLS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Bounds of what engines take: from a few frames of the VAD to what is given up."""
_SHARED: Final = "shared"  # stands for the one engine of its kind that all streams have
_SESSION: Final = ("mode", "language")


class Counters:
    """An `Observer` that counts. Its registry is its own: nothing of another server is in it."""

    def __init__(self, default_language: str) -> None:
        # When each series began: twice the lines, for nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        self.registry = CollectorRegistry()
        self._default_language = default_language
        self._sessions: dict[tuple[str, str], _SessionSeries] = {}
        self._calls: dict[tuple[CallKind, SpeechEngine], _CallSeries] = {}
        self._make_session_metrics()
        self._make_call_metrics()
        self._make_keeping_metrics()
        self._refusals = Counter(
            "scribewire_refusals",
            "Requests that were refused, by the `error` of the answer.",
            ("reason",),
            registry=self.registry,
        )
        self._closes = Counter(
            "scribewire_closes",
            "WebSockets that the server has closed, by close code.",
            ("code",),
            registry=self.registry,
        )
        for code in CloseCode:  # from 0 on, or nobody sees the first one increase it
            self._closes.labels(str(int(code)))

    def _make_session_metrics(self) -> None:
        registry = self.registry
        self._open = Gauge(
            "scribewire_sessions_open", "Sessions that are open.", _SESSION, registry=registry
        )
        self._opened = Counter(
            "scribewire_sessions_opened", "Sessions that have begun.", _SESSION, registry=registry
        )
        self._audio = Counter(
            "scribewire_audio_seconds", "Audio that has come.", _SESSION, registry=registry
        )
        self._partials = Counter(
            "scribewire_partials", "Partials that were made.", _SESSION, registry=registry
        )
        self._finals = Counter(
            "scribewire_finals", "Finals that were made.", _SESSION, registry=registry
        )
        self._latency = Histogram(
            "scribewire_final_latency_seconds",
            "How long after the silence that ends it a live stream's final came.",
            ("mode",),
            buckets=LATENCIES_S,
            registry=registry,
        )
        self._lag = Histogram(
            "scribewire_partial_lag_seconds",
            "How long after the last of its audio a live stream's partial came.",
            ("mode",),
            buckets=LATENCIES_S,
            registry=registry,
        )
        self._losses = Counter(
            "scribewire_source_losses",
            "Sources of stream mode that stopped giving audio, and were tried again.",
            registry=registry,
        )
        self._faults = Counter(
            "scribewire_source_faults",
            "Sources of stream mode, and recordings sent, that could not be used, by cause.",
            ("cause",),
            registry=registry,
        )

    def _make_call_metrics(self) -> None:
        self._busy = Histogram(
            "scribewire_call_seconds",
            "What engine calls took, by what they were for.",
            ("kind", "engine"),
            buckets=CALLS_S,
            registry=self.registry,
        )
        self._waited = Histogram(
            "scribewire_call_wait_seconds",
            "How long engine calls of live streams waited for a worker.",
            ("kind",),
            buckets=CALLS_S,
            registry=self.registry,
        )
        self._failed = Counter(
            "scribewire_calls_failed",
            "Engine calls that raised, by what they were for.",
            ("kind",),
            registry=self.registry,
        )

    def _make_keeping_metrics(self) -> None:
        self._kept = Counter(
            "scribewire_sessions_kept",
            "Sessions that were kept since their connection was lost, each time that it was.",
            registry=self.registry,
        )
        self._resumed = Counter(
            "scribewire_sessions_resumed",
            "Clients that have come back to their session.",
            registry=self.registry,
        )
        self._not_resumed = Counter(
            "scribewire_sessions_not_resumed",
            "Sessions that are kept no longer and whose client has not come back.",
            ("reason",),
            registry=self.registry,
        )
        for reason in NOT_RESUMED:
            self._not_resumed.labels(reason)
        self._moved = Counter(
            "scribewire_sessions_moved",
            "Sessions that go on at another server of the cluster.",
            registry=self.registry,
        )

    def open_session(self, session_id: str, wishes: Wishes) -> SessionObserver:
        """Count a session."""
        labels = wishes.mode, wishes.language or self._default_language
        series = self._sessions.get(labels)
        if series is None:
            series = self._sessions[labels] = self._series_of_sessions(*labels)
        series.opened.inc()
        series.open_now.inc()
        return series

    def note_call(self, note: CallNote) -> None:
        """Count an engine call."""
        series = self._calls.get((note.kind, note.speech))
        if series is None:
            series = self._series_of_calls(note.kind, note.speech)
            self._calls[note.kind, note.speech] = series
        series.busy.observe(note.busy_s)
        if not note.is_ahead:
            series.waited.observe(note.waited_s)
        if note.has_failed:
            series.failed.inc()

    def note_refusal(self, reason: str) -> None:
        """Count a refusal."""
        self._refusals.labels(reason).inc()

    def note_close(self, code: int) -> None:
        """Count a close."""
        self._closes.labels(str(code)).inc()

    def note_kept(self) -> None:
        """Count a session that has lost its connection."""
        self._kept.inc()

    def note_resumed(self) -> None:
        """Count one whose client has come back."""
        self._resumed.inc()

    def note_not_resumed(self, reason: NotResumed) -> None:
        """Count one whose client has not."""
        self._not_resumed.labels(reason).inc()

    def note_moved(self) -> None:
        """Count one that goes on at another server."""
        self._moved.inc()

    def _series_of_sessions(self, mode: str, language: str) -> _SessionSeries:
        labels = (mode, language)
        return _SessionSeries(
            opened=self._opened.labels(*labels),
            open_now=self._open.labels(*labels),
            audio=self._audio.labels(*labels),
            partials=self._partials.labels(*labels),
            finals=self._finals.labels(*labels),
            latency=self._latency.labels(mode),
            lag=self._lag.labels(mode),
            losses=self._losses,
            faults=self._faults,
        )

    def _series_of_calls(self, kind: CallKind, speech: SpeechEngine) -> _CallSeries:
        engine = name_of(speech) if kind in ("partial", "final") else _SHARED
        return _CallSeries(
            busy=self._busy.labels(kind, engine),
            waited=self._waited.labels(kind),
            failed=self._failed.labels(kind),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallSeries:
    busy: Histogram
    waited: Histogram
    failed: Counter


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionSeries:
    """A `SessionObserver` for all sessions of one mode and language."""

    opened: Counter
    open_now: Gauge
    audio: Counter
    partials: Counter
    finals: Counter
    latency: Histogram
    lag: Histogram
    losses: Counter
    faults: Counter

    def note_audio(self, seconds: float) -> None:
        self.audio.inc(seconds)

    def note_partial(self, lag_s: float | None) -> None:
        self.partials.inc()
        if lag_s is not None:
            self.lag.observe(lag_s)

    def note_final(self, final: FinalEvent, latency_s: float | None) -> None:
        self.finals.inc()
        if latency_s is not None:
            self.latency.observe(latency_s)

    def note_source_loss(self) -> None:
        self.losses.inc()

    def note_source_fault(self, cause: str) -> None:
        self.faults.labels(cause).inc()

    def close(self) -> None:
        self.open_now.dec()
