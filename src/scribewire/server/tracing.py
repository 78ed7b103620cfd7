"""Whether traces are wanted: OpenTelemetry's own variables say so, and where they go."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.server.spans import Spans

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""One of these has to name a collector: the SDK's own default is a port of this machine."""

_log = logging.getLogger("scribewire.server")


def names_collector(environment: Mapping[str, str]) -> str | None:
    """Return the variable that asks for traces; None: nobody does."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return None
    return next((name for name in ENDPOINTS if environment.get(name, "").strip()), None)


def start_tracing(environment: Mapping[str, str]) -> Spans | None:
    """Return who makes spans and sends them, if that is asked for and can be done.

    The caller owes it `close`. Where nobody asks, no library of OpenTelemetry is loaded.
    """
    variable = names_collector(environment)
    if variable is None:
        return None
    try:
        from scribewire.server.spans import spans_to_collector  # noqa: PLC0415 - it is an extra
    except ImportError:
        words = "! no traces: {variable} asks for them; install scribewire[tracing]"
        _log.warning(LogLine("no_traces", words, variable=variable))
        return None
    _log.info(LogLine("traces", "= traces go where {variable} says", variable=variable))
    return spans_to_collector(environment)
