"""One server as one of a cluster: its connection, and what it holds by it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire import __version__
from scribewire.cluster.announcing import Servers
from scribewire.cluster.connection import ClusterConnection
from scribewire.cluster.leases import Leases
from scribewire.cluster.session_events import SessionEvents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the parts of a server reach the others by."""

    connection: ClusterConnection
    leases: Leases
    servers: Servers
    """Who is there."""
    events: SessionEvents
    """What is told of sessions, from server to server."""


@contextlib.asynccontextmanager
async def join_cluster(urls: Sequence[str], *, copies: int = 1) -> AsyncIterator[Cluster]:
    """Be one of a cluster for as long as the context is open, whenever NATS is there.

    Raises ServerFault for a URL that is none.
    """
    connection = ClusterConnection(urls, copies=copies)
    leases = Leases(connection)
    async with connection.open():
        await connection.wait_up(_FIRST_PATIENCE_S)
        servers = Servers(leases, connection.server_id, __version__)
        async with leases.renewing(), servers.watching():
            yield Cluster(connection, leases, servers, SessionEvents(connection))


_FIRST_PATIENCE_S = 3.0  # then the server is up without, and joins when NATS is there
