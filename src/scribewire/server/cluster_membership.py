"""Being one of a cluster, if that was asked for; without it nothing of it is loaded."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from scribewire import __version__
from scribewire.engines.served import name_of
from scribewire.errors import ServerFault
from scribewire.server.journal_keeper import JournalKeeper, keeping
from scribewire.server.readiness import Outlook, look_out
from scribewire.sources.shared.pulls import SharedPulls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.cluster.announcing import Announcement, ServerState
    from scribewire.cluster.membership import Cluster
    from scribewire.server.key_keeper import KeyKeeper
    from scribewire.server.services import Services
    from scribewire.settings import Settings

SHARED_RETRY_S: Final = 1.0
"""Of the sessions that others can go on with: how soon after a failure NATS is tried again."""

LONGEST_LEAVE_S: Final = 16.0
"""What it may take to leave a cluster whose NATS answers pings and nothing else: the patience of
pulls, the shared journal, key places, leases, what tells of this server, and the connection."""

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


@contextlib.asynccontextmanager
async def announced(services: Services) -> AsyncIterator[None]:
    """Tell the others of this server for as long as the context is open, if there is a cluster."""
    if services.cluster is None:
        yield
        return
    async with services.cluster.servers.announcing(lambda: describe_server(services)):
        yield


def describe_server(services: Services) -> Announcement:
    """Return what the others are told of a server that is one of a cluster."""
    from scribewire.cluster.announcing import Announcement  # noqa: PLC0415 - an extra

    found = look_out(services)
    return Announcement(
        version=__version__,
        models=tuple(name_of(engine) for engine in services.engines.table.serving),
        languages=tuple(sorted(services.engines.languages)),
        sessions=services.admission.open_sessions,
        room=found.room,
        state=_state_of(services, found),
    )


def _state_of(services: Services, found: Outlook) -> ServerState:
    if services.draining.has_begun.is_set():
        return "draining"
    return "busy" if found.hindrances else "ready"


@contextlib.asynccontextmanager
async def share_key_places(cluster: Cluster | None, keys: KeyKeeper) -> AsyncIterator[None]:
    """Count the sessions of keys on all servers of a cluster for as long as the context is open."""
    if cluster is None:
        yield
        return
    from scribewire.cluster.key_places import KeyPlaces  # noqa: PLC0415 - an extra

    def limit_of(key_id: str) -> int | None:
        grant = keys.ring.grant_of_id(key_id)
        return None if grant is None else grant.max_sessions

    places = KeyPlaces(cluster, limit_of)
    async with places.keeping():
        keys.access.shared = places
        yield


@contextlib.asynccontextmanager
async def share_pulls(cluster: Cluster | None, settings: Settings) -> AsyncIterator[SharedPulls]:
    """Have sessions hear together what is the same, at all servers of a cluster if there is one."""
    if cluster is None:
        yield SharedPulls()
        return
    from scribewire.cluster.pulls.pulls import ClusterPulls  # noqa: PLC0415 - an extra

    elsewhere = ClusterPulls(cluster, settings)
    async with elsewhere.open():
        yield SharedPulls(elsewhere)


@contextlib.asynccontextmanager
async def keep_shared_journal(
    cluster: Cluster | None, settings: Settings
) -> AsyncIterator[JournalKeeper | None]:
    """Keep what other servers can go on with for as long as the context is open; None: nothing."""
    if cluster is None or not settings.resume_window_ms:
        yield None
        return
    from scribewire.cluster.session_store import SessionStore  # noqa: PLC0415 - an extra

    window_s = settings.resume_window_ms / 1000
    store = SessionStore(cluster.connection, resume_window_s=window_s)
    async with keeping(JournalKeeper(store, retry_every_s=SHARED_RETRY_S)) as keeper:
        yield keeper


def can_go_on_elsewhere(services: Services) -> bool:
    """Tell whether another server could go on with a session of this one now."""
    cluster, shared = services.cluster, services.shared_journal
    if cluster is None or shared is None or not shared.is_up:
        return False
    own_id = cluster.connection.server_id
    others = (one for name, one in cluster.servers.present.items() if name != own_id)
    return any(one.state == "ready" for one in others)
