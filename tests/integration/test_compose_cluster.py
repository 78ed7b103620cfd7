"""The compose file of several servers: against the schema, and what differs from that of one.

No Docker runs here. HAProxy and NATS judge their own files.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from scribewire.server.run import LONGEST_END_S
from scribewire.settings import Settings, unknown_variables
from tests.integration.test_compose import SCHEMA
from tests.integration.test_compose import SERVICES as ALONE
from tests.parts.installed import find_part, need_part

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
COMPOSED: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.cluster.yaml").read_text())
SERVICES: Final[dict[str, Any]] = COMPOSED["services"]
SERVERS: Final = ("one", "two", "three")


def test_it_is_what_compose_reads() -> None:
    jsonschema.validate(COMPOSED, json.loads(SCHEMA.read_text()))


def test_only_the_balancer_and_grafana_are_published_and_on_this_machine_alone() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}

    assert {name: ports for name, ports in published.items() if ports} == {
        "haproxy": ["127.0.0.1:8000:8000"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert COMPOSED["networks"]["inside"]["internal"] is True
    for name in ("postgres", "prometheus", "nats"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_no_password_stands_in_it_and_each_is_a_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|CLUSTER", name):
                assert name.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    files = {secret["file"] for secret in COMPOSED["secrets"].values()}
    assert files == {f"secrets/{name}" for name in COMPOSED["secrets"]}


def test_servers_differ_in_nothing_but_their_caches_and_may_end_in_peace() -> None:
    bare = [{**SERVICES[name], "volumes": []} for name in SERVERS]
    (service, *_) = bare
    names = [name.removesuffix("_FILE") for name in service["environment"]]
    longest_s = Settings.model_fields["drain_timeout_ms"].default / 1000 + LONGEST_END_S

    assert bare == [service] * 3
    assert len({SERVICES[name]["volumes"][0] for name in SERVERS}) == 3
    assert unknown_variables(names) == {}
    assert int(service["stop_grace_period"].removesuffix("s")) >= longest_s
    (subnet,) = COMPOSED["networks"]["inside"]["ipam"]["config"]
    assert service["environment"]["SCRIBEWIRE_FORWARDED_ALLOW_IPS"] == subnet["subnet"]


@pytest.mark.parametrize("name", ["postgres", "grafana"])
def test_what_is_beside_servers_is_as_beside_one(name: str) -> None:
    assert SERVICES[name] == ALONE[name]


def test_prometheus_asks_each_server() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus.cluster.yml").read_text())["scrape_configs"]
    port = SERVICES["one"]["environment"]["SCRIBEWIRE_METRICS_PORT"]

    (job,) = scraped
    assert job["job_name"] == "scribewire"  # what alerts ask for
    assert job["static_configs"][0]["targets"] == [f"{name}:{port}" for name in SERVERS]


def lines_of(name: str) -> list[str]:
    text = (DEPLOY / name).read_text()
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_the_balancer_is_that_of_machines_but_for_its_port_and_the_servers_names() -> None:
    ours, theirs = lines_of("haproxy.compose.cfg"), lines_of("haproxy.cfg")
    found = "resolvers containers init-addr last,libc,none"
    mine = [line for line in ours if line not in theirs]

    assert mine == [
        "resolvers containers",
        "nameserver docker 127.0.0.11:53",
        "hold valid 2s",
        "bind :8000",
        *(f"server {one} {one}:8000 {found}" for one in SERVERS),
    ]
    assert [line.split()[0] for line in theirs if line not in ours] == ["bind", *["server"] * 3]
    assert [line for line in ours if line in theirs] == [line for line in theirs if line in ours]


@pytest.mark.slow  # starts HAProxy and NATS, which only look at their files
def test_the_balancer_and_nats_read_their_files(tmp_path: Path) -> None:
    need_part("haproxy", "nats-server")
    folder = tmp_path / "etc/nats"
    folder.mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    (folder / "nats.conf").write_text((DEPLOY / "nats.conf").read_text())
    script = SERVICES["nats"]["entrypoint"][2].replace("$$", "$")
    (tmp_path / "secret").write_text("3e8")  # a number, to whom does not look closely
    written = script.partition("exec ")[0]
    written = written.replace("/tmp/", f"{tmp_path}/tmp/")  # noqa: S108 - of the container
    written = written.replace("/run/secrets/nats_token", str(tmp_path / "secret"))

    subprocess.run(["sh", "-c", written], check=True)
    commands = [
        (find_part("nats-server"), "-t", "-c", str(folder / "nats.conf")),
        (find_part("haproxy"), "-c", "-f", str(DEPLOY / "haproxy.compose.cfg")),
    ]

    for command in commands:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "tmp/token.conf").read_text() == 'authorization { token: "3e8" }\n'
