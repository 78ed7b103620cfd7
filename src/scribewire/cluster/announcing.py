"""Who is in the cluster, and what each server tells of itself.

Theory of operation. An announcement is what stands in a lease of the server's own name, so it comes
with each renewal and is gone a moment after the server. It holds what anybody who runs the cluster
may see: no address, since whoever balances knows it, no key, and nothing of who is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from scribewire.cluster.connection import ClusterFault
from scribewire.cluster.tasks import end_task
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from scribewire.cluster.leases import Lease, Leases, LeaseValue, LeaseWatch

PREFIX: Final = "servers"

ServerState = Literal["ready", "busy", "draining"]
"""As /readyz has it; a server that loads its first model is busy."""
SERVER_STATES: Final[tuple[ServerState, ...]] = get_args(ServerState)

_RETRY_S: Final = 1.0
_OTHER_VERSION = "! a server of the cluster is of version {other}, this one of {own}"

_log = logging.getLogger("scribewire.cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a server tells of itself."""

    version: str
    models: tuple[str, ...]
    """Those that serve, by name."""
    languages: tuple[str, ...]
    """Codes."""
    sessions: int
    """Those that are open."""
    room: int
    """How many more of the default language would be let in now."""
    state: ServerState
    """Whether a balancer should send it clients."""


class Servers:
    """The servers of a cluster. For the event loop's thread."""

    def __init__(self, leases: Leases, server_id: str, version: str) -> None:
        self._leases, self._own_id, self._own_version = leases, server_id, version
        self._watch: LeaseWatch | None = None
        self._versions_told = {version}

    @property
    def present(self) -> Mapping[str, Announcement]:
        """Those that are there, as far as is known, by their ids; this one too once it is told."""
        if self._watch is None:
            return {}
        read = {
            name.removeprefix(f"{PREFIX}."): _read(value)
            for name, value in self._watch.current.items()
        }
        return {name: told for name, told in read.items() if told is not None}

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Know them for as long as the context is open."""
        async with self._leases.watch(PREFIX, self._tell_versions) as watch:
            self._watch = watch
            self._tell_versions()  # of those that were there already
            yield

    @contextlib.asynccontextmanager
    async def announcing(self, describe: Callable[[], Announcement]) -> AsyncIterator[None]:
        """Tell the others of this server, as it is at each renewal, while the context is open."""
        announcing = asyncio.create_task(self._announce(describe))
        try:
            yield
        finally:
            await end_task(announcing)

    async def _announce(self, describe: Callable[[], Announcement]) -> None:
        while True:
            with contextlib.suppress(ClusterFault):
                lease = await self._leases.acquire(f"{PREFIX}.{self._own_id}", _written(describe()))
                if lease is not None:
                    await self._keep_current(lease, describe)
            await asyncio.sleep(_RETRY_S)

    async def _keep_current(self, lease: Lease, describe: Callable[[], Announcement]) -> None:
        """Let each renewal tell how the server is then, until the lease is lost."""
        lost = asyncio.create_task(lease.lost.wait())
        try:
            while not lease.lost.is_set():
                told = _written(describe())
                await self._tell(lease, told)
                await asyncio.wait((lost,), timeout=_RETRY_S)
        finally:
            lost.cancel()
            await self._leases.release(lease)

    async def _tell(self, lease: Lease, told: LeaseValue) -> None:
        """Have it told with the next renewal; at once where a balancer may go by it."""
        is_news, lease.value = told["state"] != lease.value["state"], told
        if is_news:
            with contextlib.suppress(ClusterFault):
                await self._leases.update(lease, told)

    def _tell_versions(self) -> None:
        """Say once of each other version that it is there."""
        for one in self.present.values():
            if one.version not in self._versions_told:
                self._versions_told.add(one.version)
                other, own = one.version, self._own_version
                _log.warning(LogLine("other_version", _OTHER_VERSION, other=other, own=own))


def _written(told: Announcement) -> LeaseValue:
    return asdict(told)


def _read(value: LeaseValue) -> Announcement | None:
    """Return what is told; None: it is not what servers of this version tell."""
    try:
        return Announcement(
            version=_text(value["version"]),
            models=tuple(_text(one) for one in value["models"]),
            languages=tuple(_text(one) for one in value["languages"]),
            sessions=int(value["sessions"]),
            room=int(value["room"]),
            state=_state(value["state"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _text(value: Any) -> str:  # noqa: ANN401 - what another program has written
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(value)
    return value


def _state(value: object) -> ServerState:
    for state in SERVER_STATES:
        if state == value:
            return state
    raise ValueError(value)
