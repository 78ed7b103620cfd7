from __future__ import annotations

import subprocess
import sys

import pytest

from scribewire.server.tracing import names_collector, start_tracing

ALL, TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
COLLECTOR = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({}, None),
        ({ALL: COLLECTOR}, ALL),
        ({ALL: COLLECTOR, TRACES: COLLECTOR}, TRACES),
        ({ALL: " "}, None),
        ({ALL: COLLECTOR, "OTEL_SDK_DISABLED": "True"}, None),
        ({ALL: COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_SERVICE_NAME": "captions"}, None),
    ],
)
def test_traces_are_made_where_a_collector_is_named(
    environment: dict[str, str], variable: str | None
) -> None:
    assert names_collector(environment) == variable


def test_where_nobody_asks_there_are_none() -> None:
    assert start_tracing({}) is None


# The libraries of the extra cannot be found here, as where it has not been installed.
WITHOUT_THE_EXTRA = f"""
import logging, sys
sys.modules["opentelemetry"] = None
logging.basicConfig(level="INFO", format="%(message)s")
from scribewire.server.tracing import start_tracing
assert start_tracing({{}}) is None
assert start_tracing({{{ALL!r}: {COLLECTOR!r}}}) is None
"""


@pytest.mark.slow
def test_without_the_extra_the_log_says_what_to_install() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, check=True
    )

    told = f"! no traces: {ALL} asks for them; install scribewire[tracing]\n"
    assert ran.stderr == told
