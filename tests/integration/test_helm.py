"""The chart: as Helm itself judges and renders it, against the schemas of Kubernetes.

`tests/parts/kubernetes-1.35.json` holds the strict schemas of what the chart makes, as
kubernetes-validate 1.37.0 carries them (Apache-2.0, descriptions left out). The chart of NATS, on
which it depends, is at hand nowhere here: an empty one of its name stands in. ServiceMonitor is no
part of Kubernetes. No cluster runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from scribewire.server.run import LONGEST_END_S
from scribewire.settings import Settings, unknown_variables
from tests.parts.helm import Helm, unpack_helm
from tests.parts.installed import PartMissing, skip_or_fail

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy/helm/scribewire"
ADAPTER: Final = ROOT / "deploy/helm/prometheus-adapter.yaml"
SCHEMAS: Final = json.loads((ROOT / "tests/parts/kubernetes-1.35.json").read_text())
NAMES: Final = {name.rpartition(".")[2]: name for name in SCHEMAS["$defs"] if ".api." in name}
VALUES: Final[dict[str, Any]] = {"secrets": {"natsToken": "7e1", "keys": "a,b"}}

pytestmark = pytest.mark.slow  # a program of 60 MB


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    try:
        return unpack_helm(tmp_path_factory.mktemp("helm"))
    except PartMissing as missing:
        skip_or_fail(missing, os.environ)


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the chart with an empty one in the place of NATS."""
    copy = tmp_path_factory.mktemp("chart") / "scribewire"
    shutil.copytree(CHART, copy)
    (copy / "charts/nats").mkdir(parents=True)
    (copy / "charts/nats/Chart.yaml").write_text("apiVersion: v2\nname: nats\nversion: 1.3.0\n")
    return copy


def kinds(made: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in reversed(made)}


def container(made: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = kinds(made)["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def variables(made: list[dict[str, Any]]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(made)["env"]}


def faults_of(made: dict[str, Any]) -> list[str]:
    schema = {**SCHEMAS, "$ref": f"#/$defs/{NAMES[made['kind']]}"}
    return [one.message for one in jsonschema.Draft202012Validator(schema).iter_errors(made)]


EVERYTHING: Final[dict[str, Any]] = {
    **VALUES,
    "gpu": {"enabled": True, "count": 2},
    "networkPolicy": {
        "enabled": True,
        "database": [{"podSelector": {"matchLabels": {"app": "postgres"}}}],
    },
    "proxies": ["10.1.0.0/16"],
    "service": {"annotations": {"a": "b"}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "image": {"pullSecrets": [{"name": "registry"}]},
    "monitoring": {"labels": {"release": "prometheus"}},
}
SMALLEST: Final[dict[str, Any]] = {
    "secrets": {"existing": "mine"},
    "cluster": {"enabled": False},
    "nats": {"enabled": False},
    "autoscaling": {"enabled": False},
    "monitoring": {"enabled": False},
}


def test_helm_finds_nothing_in_it(helm: Helm, chart: Path) -> None:
    done = helm.run("lint", "--strict", "--set", "secrets.natsToken=x", str(chart))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@pytest.mark.parametrize("values", [VALUES, EVERYTHING, SMALLEST])
def test_all_that_it_makes_is_what_kubernetes_reads(
    values: dict[str, Any], helm: Helm, chart: Path
) -> None:
    made = helm.render(chart, values)

    known = [one for one in made if one["kind"] != "ServiceMonitor"]
    assert [fault for one in known for fault in faults_of(one)] == []
    assert {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"} <= kinds(made).keys()


def test_the_schemas_find_a_name_that_kubernetes_does_not_know(helm: Helm, chart: Path) -> None:
    deployment = kinds(helm.render(chart, VALUES))["Deployment"]
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 80

    assert any("terminationGracePeriod" in one for one in faults_of(deployment))


def test_it_runs_without_rights_and_writes_into_volumes_alone(helm: Helm, chart: Path) -> None:
    made = helm.render(chart, VALUES)
    pod = kinds(made)["Deployment"]["spec"]["template"]["spec"]
    security = container(made)["securityContext"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001  # as in the image
    assert pod["automountServiceAccountToken"] is False
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    writable = [one["name"] for one in container(made)["volumeMounts"] if "readOnly" not in one]
    assert writable == ["data", "cache", "tmp"]


@pytest.mark.parametrize("drain_ms", [30_000, 90_500])
def test_a_pod_has_longer_than_its_server_may_take_to_end(
    drain_ms: int, helm: Helm, chart: Path
) -> None:
    made = helm.render(chart, {**VALUES, "drainTimeoutMs": drain_ms})
    pod = kinds(made)["Deployment"]["spec"]["template"]["spec"]
    pause, seconds = container(made)["lifecycle"]["preStop"]["exec"]["command"]

    assert pause == "sleep"
    longest_s = int(seconds) + drain_ms / 1000 + LONGEST_END_S
    assert longest_s <= pod["terminationGracePeriodSeconds"] < longest_s + 5
    assert variables(made)["SCRIBEWIRE_DRAIN_TIMEOUT_MS"] == str(drain_ms)


@pytest.mark.parametrize("values", [VALUES, EVERYTHING, SMALLEST])
def test_the_servers_settings_are_known_and_no_secret_is_one(
    values: dict[str, Any], helm: Helm, chart: Path
) -> None:
    made = helm.render(chart, values)
    names = [name.removesuffix("_FILE") for name in variables(made)]

    assert unknown_variables([name for name in names if name != "PGPASSWORD"]) == {}
    for name, value in variables(made).items():
        if re.search("PASSWORD|SECRET|KEYS|CLUSTER$|CLUSTER_FILE", name):
            assert name.endswith("_FILE")
            assert value.startswith("/run/secrets/scribewire/")
    told = json.dumps([one for one in made if one["kind"] != "Secret"])
    assert "7e1" not in told
    assert '"a,b"' not in told


def test_secrets_are_files_of_the_names_that_the_pod_reads(helm: Helm, chart: Path) -> None:
    given = {"natsToken": "7e1", "keys": "a,b", "tokenSecret": "t", "databasePassword": "p"}
    settings = {"SCRIBEWIRE_DATABASE": "postgresql://scribewire@postgres/scribewire"}
    made = helm.render(chart, {"secrets": given, "settings": settings})
    secret = kinds(made)["Secret"]["stringData"]

    read = {Path(value).name for name, value in variables(made).items() if name.endswith("_FILE")}
    assert read == {"keys", "token-secret", "database-password", "cluster"}
    assert read | {"nats-token"} == secret.keys()
    assert secret["cluster"] == "nats://7e1@scribewire-nats:4222"
    (volume,) = [
        one["secret"]["secretName"]
        for one in kinds(made)["Deployment"]["spec"]["template"]["spec"]["volumes"]
        if "secret" in one
    ]
    assert volume == kinds(made)["Secret"]["metadata"]["name"]


def test_nats_takes_its_token_from_the_same_secret(helm: Helm, chart: Path) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    secret = kinds(helm.render(chart, VALUES))["Secret"]
    asked = values["nats"]["container"]["env"]["TOKEN"]["valueFrom"]["secretKeyRef"]

    assert asked["name"] == secret["metadata"]["name"]
    assert asked["key"] in secret["stringData"]
    assert values["cluster"]["copies"] <= values["nats"]["config"]["cluster"]["replicas"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "secrets.natsToken or secrets.existing"),
        ({**VALUES, "settings": {"SCRIBEWIRE_KEYS": "k"}}, "settings"),
        ({**VALUES, "cluster": {"servers": ["nats://token@nats:4222"]}}, "servers"),
        ({**VALUES, "autoscaling": {"target": "70"}}, "target"),
    ],
)
def test_what_would_not_do_is_refused_in_words(
    values: dict[str, Any], expected: str, helm: Helm, chart: Path
) -> None:
    with pytest.raises(ValueError, match=expected):
        helm.render(chart, values)


def test_the_autoscaler_asks_for_what_the_adapter_makes_of_our_metrics(
    helm: Helm, chart: Path
) -> None:
    made = helm.render(chart, VALUES)
    scaler = kinds(made)["HorizontalPodAutoscaler"]["spec"]
    (rule,) = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]

    assert scaler["metrics"][0]["pods"]["metric"]["name"] == rule["name"]["as"]
    assert scaler["scaleTargetRef"]["name"] == kinds(made)["Deployment"]["metadata"]["name"]
    assert "replicas" not in kinds(made)["Deployment"]["spec"]  # or it would be set back
    assert scaler["minReplicas"] <= scaler["maxReplicas"]
    counted = set(re.findall(r"scribewire_\w+", rule["seriesQuery"] + rule["metricsQuery"]))
    figures = (ROOT / "src/scribewire/server/metrics/figures.py").read_text()
    assert all(f'"{name.removeprefix("scribewire_")}"' in figures for name in counted)


def test_only_metrics_are_looked_at_where_metrics_are(helm: Helm, chart: Path) -> None:
    made = helm.render(chart, VALUES)
    services = {one["metadata"]["name"]: one for one in made if one["kind"] == "Service"}
    monitor = kinds(made)["ServiceMonitor"]["spec"]
    metrics = services["scribewire-metrics"]

    assert monitor["selector"]["matchLabels"].items() <= metrics["metadata"]["labels"].items()
    assert not (
        monitor["selector"]["matchLabels"].items()
        <= services["scribewire"]["metadata"]["labels"].items()
    )
    assert monitor["endpoints"][0]["port"] == metrics["spec"]["ports"][0]["name"] == "metrics"
    port = next(one for one in container(made)["ports"] if one["name"] == "metrics")
    assert variables(made)["SCRIBEWIRE_METRICS_PORT"] == str(port["containerPort"])
    http = next(one for one in container(made)["ports"] if one["name"] == "http")
    assert http["containerPort"] == Settings.model_fields["port"].default


def test_a_gpu_is_asked_for_with_the_image_that_can_use_it(helm: Helm, chart: Path) -> None:
    made = helm.render(chart, EVERYTHING)

    assert container(made)["image"] == "scribewire:0.1.0-cuda"
    assert container(made)["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert variables(made)["SCRIBEWIRE_DEVICE"] == "cuda"
    assert container(helm.render(chart, VALUES))["image"] == "scribewire:0.1.0"


def test_its_version_is_ours() -> None:
    told = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (ROOT / "src/scribewire/__init__.py").read_text()

    assert f'"{told["appVersion"]}"' in project
