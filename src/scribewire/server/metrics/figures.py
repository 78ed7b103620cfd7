"""What is read when Prometheus asks: load, queues, models, memory, and what is running here."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from scribewire import __version__
from scribewire.engines.on_demand import is_resident
from scribewire.engines.served import name_of
from scribewire.server.readiness import OBSTACLES, look_out
from scribewire.sources.shared.pulls import PULL_ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

    from scribewire.server.services import Services

_SERVER_STATES = ("ready", "busy", "draining")


class Figures(Collector):
    """Reads how a server does. Belongs to the thread of its event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Return every figure as it is now."""
        scheduler = self._services.scheduler
        load = scheduler.load()
        yield _labelled(
            "build_info",
            "What is running; always 1.",
            ("version", "python"),
            [((__version__, platform.python_version()), 1)],
        )
        yield from self._readiness()
        yield _plain("connections_open", "WebSockets open.", len(self._services.attachments))
        yield from self._kept_sessions()
        yield _plain("workers", "Threads that decode.", scheduler.capacity)
        yield _plain("live_streams", "Audio received per second of time.", load.live_streams)
        shares = [
            (("required",), load.required_share),
            (("partial",), load.partial_share),
            (("ahead",), load.ahead_share),
        ]
        about = "What the workers were busy with in the last seconds, 0 to 1 in all."
        yield _labelled("load_ratio", about, ("work",), shares)
        yield _plain("jobs_waiting", "Engine calls no worker has begun.", scheduler.waiting_jobs)
        if (journal := self._services.journal) is not None:
            about = "Whether what happens in sessions is written down: 0 or 1."
            yield _plain("journal_up", about, int(journal.is_up))
        if (shared := self._services.shared_journal) is not None:
            about = "Whether other servers can go on with sessions of this one: 0 or 1."
            yield _plain("sessions_shared", about, int(shared.is_up))
        yield from self._cluster()
        stuck = CounterMetricFamily(
            "scribewire_calls_stuck", "Engine calls that were given up: they did not come back."
        )
        stuck.add_metric((), scheduler.stuck_calls)
        yield stuck
        yield self._models()

    def _cluster(self) -> Iterator[Metric]:
        if (cluster := self._services.cluster) is None:
            return
        yield _plain(
            "cluster_up", "Whether NATS can be used: 0 or 1.", int(cluster.connection.is_up)
        )
        present = cluster.servers.present.values()
        states = [
            ((state,), sum(one.state == state for one in present)) for state in _SERVER_STATES
        ]
        about = "Servers of the cluster that are there, as this one knows it."
        yield _labelled("cluster_servers", about, ("state",), states)
        if (elsewhere := self._services.pulls.elsewhere) is not None:
            counts = elsewhere.counts
            roles = [((role,), counts.get(role, 0)) for role in PULL_ROLES]
            about = "Stream addresses that are heard here, by who pulls them."
            yield _labelled("pulls", about, ("role",), roles)

    def _kept_sessions(self) -> Iterator[Metric]:
        kept = self._services.kept
        states = [(("going on",), kept.count_going_on), (("ended",), kept.count_ended)]
        about = "Sessions that no connection carries, kept for their clients to come back."
        yield _labelled("kept_sessions", about, ("state",), states)
        most = self._services.settings.max_kept_sessions
        yield _plain("max_kept_sessions", "How many of them there may be.", most)

    def _readiness(self) -> Iterator[Metric]:
        outlook = look_out(self._services)
        about = "Sessions of the default language that would be let in now, up to 1000."
        yield _plain("room_sessions", about, outlook.room)
        found = {one.obstacle for one in outlook.hindrances}
        yield _plain("ready", "Whether one more session should come: 0 or 1.", int(not found))
        hindrances = [((name,), float(name in found)) for name in OBSTACLES]
        yield _labelled(
            "hindrance", "Why none should, as in /readyz: 0 or 1.", ("reason",), hindrances
        )

    def _models(self) -> Metric:
        serving = self._services.engines.table.serving
        resident = [((name_of(engine),), float(is_resident(engine))) for engine in serving]
        about = "Whether a model that serves is in memory: 0 or 1."
        return _labelled("model_resident", about, ("model",), resident)


def _plain(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"scribewire_{name}", about, value)


def _labelled(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    family = GaugeMetricFamily(f"scribewire_{name}", about, labels=labels)
    for at, value in values:
        family.add_metric(at, value)
    return family
