"""The compose file: against the Compose schema, and against what it is to keep.

`tests/parts/compose-spec.json` is the schema of the Compose Specification (Apache-2.0), as
check-jsonschema 0.39.0 carries it. No Docker runs here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from scribewire.server.run import LONGEST_END_S
from scribewire.settings import Settings, unknown_variables
from tests.parts.installed import need_part
from tests.parts.postgresql import run_postgresql

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "deploy/compose.yaml"
SCHEMA: Final = ROOT / "tests/parts/compose-spec.json"
COMPOSED: Final[dict[str, Any]] = yaml.safe_load(FILE.read_text())  # Any: YAML, which has no shape
SERVICES: Final[dict[str, Any]] = COMPOSED["services"]
FILES: Final[dict[str, Any]] = {
    path.name: yaml.safe_load(path.read_text()) for path in FILE.parent.glob("compose*.yaml")
}
ALL_SERVICES: Final = [(file, name) for file in sorted(FILES) for name in FILES[file]["services"]]


def test_it_is_what_compose_reads() -> None:
    schema = json.loads(SCHEMA.read_text())

    jsonschema.validate(COMPOSED, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**COMPOSED, "service": {}}, schema)


@pytest.mark.parametrize(("file", "name"), ALL_SERVICES)
def test_no_service_may_write_to_itself_or_has_rights(file: str, name: str) -> None:
    service = FILES[file]["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "network_mode", "pid", "ipc"} & service.keys()


@pytest.mark.parametrize(("file", "name"), ALL_SERVICES)
def test_images_are_pinned_and_what_they_mount_is_there(file: str, name: str) -> None:
    service = FILES[file]["services"][name]

    assert "build" in service or re.search(r":v?\d+\.\d+", service["image"])
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (FILE.parent / source).exists()
            assert volume.endswith(":ro")
        else:
            assert source in FILES[file]["volumes"]


def test_only_what_people_reach_is_published_and_on_this_machine_alone() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}

    assert {name: ports for name, ports in published.items() if ports} == {
        "scribewire": [f"127.0.0.1:8000:{Settings.model_fields['port'].default}"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert COMPOSED["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["prometheus"]["networks"] == ["inside"]


def test_no_password_stands_in_it_and_each_is_a_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", name):
                assert name.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    files = {secret["file"] for secret in COMPOSED["secrets"].values()}
    assert files == {f"secrets/{name}" for name in COMPOSED["secrets"]}
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert not re.search(r"://[^@\s]*:[^@\s]*@", FILE.read_text())


def test_the_servers_settings_are_known_and_it_may_end_in_peace() -> None:
    service = SERVICES["scribewire"]
    names = [name.removesuffix("_FILE") for name in service["environment"]]
    longest_s = Settings.model_fields["drain_timeout_ms"].default / 1000 + LONGEST_END_S

    assert unknown_variables(names) == {}
    assert int(service["stop_grace_period"].removesuffix("s")) >= longest_s


def test_prometheus_asks_where_the_server_counts_and_grafana_asks_prometheus() -> None:
    scraped = yaml.safe_load((FILE.parent / "prometheus.yml").read_text())["scrape_configs"]
    folder = FILE.parent / "grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    port = SERVICES["scribewire"]["environment"]["SCRIBEWIRE_METRICS_PORT"]

    targets = [
        target for one in scraped for each in one["static_configs"] for target in each["targets"]
    ]
    assert targets == [f"scribewire:{port}"]
    assert source["url"] == "http://prometheus:9090"


@pytest.mark.slow  # starts PostgreSQL and Python
def test_the_password_of_the_database_comes_from_its_file(tmp_path: Path) -> None:
    need_part("initdb", "postgres")
    with run_postgresql() as postgresql:
        address = urlsplit(postgresql.new_database())
        assert address.password is not None
        (tmp_path / "password").write_text(address.password)
        bare = address._replace(netloc=address.netloc.replace(f":{address.password}@", "@"))

        done = subprocess.run(
            [str(FILE.parent / "entrypoint"), "keys", "create", "lobby", "--format", "json"],
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
                "SCRIBEWIRE_DATABASE": bare.geturl(),
                "PGPASSWORD_FILE": str(tmp_path / "password"),
            },
            check=False,
            capture_output=True,
            text=True,
        )

    assert done.stderr == ""
    assert json.loads(done.stdout)["name"] == "lobby"
