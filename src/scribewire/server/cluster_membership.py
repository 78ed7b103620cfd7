"""Being one of a cluster, if that was asked for; without it nothing of it is loaded."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.cluster.membership import Cluster
    from scribewire.settings import Settings

_MISSING = "--cluster needs nats-py, which is not installed: pip install 'scribewire[cluster]'"


@contextlib.asynccontextmanager
async def keep_cluster(settings: Settings) -> AsyncIterator[Cluster | None]:
    """Be one of a cluster for as long as the context is open; None: nobody has asked for one.

    Raises ServerFault where the address is none, or the client of NATS is not installed.
    """
    if not settings.cluster:
        yield None
        return
    try:
        from scribewire.cluster.membership import join_cluster  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ServerFault(_MISSING) from error
    async with join_cluster(settings.cluster, copies=settings.cluster_copies) as cluster:
        yield cluster
