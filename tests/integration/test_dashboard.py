"""Every query of the dashboard, and every alert, on a real Prometheus that has read a server."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.errors import ServerFault
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.installed import find_part, need_part
from tests.parts.programs import find_free_port
from tests.parts.prometheus import DEPLOY, Prometheus, run_prometheus

DASHBOARD: Final = DEPLOY / "grafana/scribewire.json"
START, STOP = '{"action":"start"}', '{"action":"stop"}'
# What Grafana puts in place of its own names.
NAMES: Final = {"$instance": ".*", "$__rate_interval": "1m"}


def queries() -> Iterator[str]:
    """Return what the panels ask, as Grafana would send it."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression: str = target["expr"]
            for name, value in NAMES.items():
                expression = expression.replace(name, value)
            yield expression


async def use(server: RunningServer) -> None:
    """Hold a session with a final, be refused, and name a source that may not be used."""
    async with server.dial() as client:
        await client.send(START, draw_pcm("..hello" + "." * 20), STOP)
        await client.until_closed()
        assert client.finals == ["hello"]
    with contextlib.suppress(InvalidStatus):
        async with server.dial("/nowhere"):
            pass
    async with server.dial("/v2/client/key-1?url=http%3A%2F%2F127.0.0.1%2Fa") as client:
        await client.send(START)
        await client.until_closed()


async def check_queries(prometheus: Prometheus) -> None:
    for query in queries():
        assert await prometheus.query(query), query


@pytest.mark.slow
async def test_each_query_of_the_dashboard_finds_what_it_asks_for(tmp_path: Path) -> None:
    need_part("prometheus")
    port = find_free_port()
    async with (
        run_server(metrics_port=port, max_final_latency_ms=700) as server,
        run_prometheus(tmp_path, port) as prometheus,
    ):
        await use(server)
        await prometheus.wait_for("sum(scribewire_sessions_opened_total) == 2")
        await use(server)  # a rate is of what has been seen to grow
        await prometheus.wait_for("sum(scribewire_sessions_opened_total) == 4")

        await check_queries(prometheus)
        with pytest.raises(ServerFault, match="parse error"):  # what is wrong would be seen
            await prometheus.query("sum(")
        late = "histogram_quantile(0.95, rate(scribewire_final_latency_seconds_bucket[1m]))"
        (final_latency,) = await prometheus.query(late)
        assert 0 < float(final_latency["value"][1]) < 10
        rules = await prometheus.rules()
        assert {rule["name"] for rule in rules} >= {"ScribewireDown", "ScribewireFinalsLate"}
        assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
        assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_the_configuration_and_the_alerts_are_as_prometheus_wants_them() -> None:
    need_part("promtool")
    checked = subprocess.run(
        [find_part("promtool"), "check", "config", str(DEPLOY / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
    assert "9 rules found" in checked.stdout


def test_each_metric_that_is_asked_for_is_documented() -> None:
    page = (DEPLOY.parent / "docs/operations.md").read_text("utf-8")
    asked = " ".join(queries()) + (DEPLOY / "alerts.yml").read_text("utf-8")
    names = {word for word in _words(asked) if word.startswith("scribewire_")}

    assert {name for name in names if f"`{name.removesuffix('_bucket')}`" not in page} == set()


def _words(text: str) -> list[str]:
    return "".join(one if one.isalnum() or one == "_" else " " for one in text).split()
