"""`GET /metrics` on a port of its own, which nobody else need reach."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, ProcessCollector, generate_latest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.server.address import listen
from scribewire.server.listener import Listener
from scribewire.server.metrics.figures import Figures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from scribewire.server.metrics.counters import Counters
    from scribewire.server.services import Services

MOST_CLIENTS = 64  # a Prometheus or two, and people who look

_log = logging.getLogger("scribewire.server")


@contextlib.asynccontextmanager
async def serving_page(counters: Counters | None, services: Services) -> AsyncIterator[None]:
    """Serve the page where the settings say, for as long as the context is open.

    Where nothing is counted there is none. Raises ServerFault where the port cannot be had.
    """
    settings = services.settings
    if counters is None or settings.metrics_port is None:
        yield
        return
    try:
        listening = listen(settings.metrics_host, settings.metrics_port)
    except ServerFault as fault:
        words = str(fault).replace("--port", "--metrics-port").replace("--host", "--metrics-host")
        raise ServerFault(words) from fault
    host, port = listening.getsockname()[:2]
    listener = Listener(
        listening,
        make_page(counters, services),
        start_timeout_s=settings.start_timeout_ms / 1000,
        most_strangers=MOST_CLIENTS,
    )
    listener.start()
    where = f"[{host}]" if ":" in host else host
    url = f"http://{where}:{port}/metrics"
    _log.info(LogLine("metrics_served", "= metrics at {url}", url=url))
    try:
        yield
    finally:
        await listener.aclose()


def make_page(counters: Counters, services: Services) -> Starlette:
    """Return the application that tells what was counted, how the server does, and what it takes.

    It is asked on the event loop: to write the page takes milliseconds, a few times a minute.
    """
    registry = counters.registry
    registry.register(Figures(services))
    ProcessCollector(registry=registry)  # memory, processor time, descriptors

    async def tell(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = Starlette(routes=[Route("/metrics", tell)])
    app.router.redirect_slashes = False
    return app
