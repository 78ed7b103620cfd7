"""How many sessions a limited key has at once, on all servers of a cluster together.

Theory of operation. Each key that has a limit has one entry in a bucket: how many places of it each
server holds. It is changed by compare-and-set alone, so of two servers that want the last place at
the same moment one gets it. What a server holds counts for as long as the server has a lease;
leases are looked at only where the entry says that all is taken. A place is given back, and what
could not be written is written, by a task beside the sessions: nobody waits for that.

Keys without a limit are counted here and written nowhere. While NATS is away a server counts by
itself; once it is back, what it holds is written whatever the limit is, and who is over it gets no
more until sessions have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from scribewire.cluster.connection import ClusterFault, translated
from scribewire.cluster.leases import TTL_S
from scribewire.cluster.stored import have_bucket
from scribewire.cluster.tasks import end_task
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nats.js.kv import KeyValue

    from scribewire.cluster.leases import Lease
    from scribewire.cluster.membership import Cluster

BUCKET: Final = "scribewire-key-places"

LOOK_EVERY_S: Final = 1.0
"""How soon is written what could not be before, and what a changed limit asks for."""

MOST_TRIES: Final = 32
"""Of one change: as many servers may change the same entry at once."""

_LEASE = "key-places."
_PAUSE_S = 0.01  # so that those who change an entry at once do not meet again
LAST_PATIENCE_S: Final = 1.0
"""At the end; who is gone counts no more a moment later."""
_ALONE = "! sessions at once of a key are counted on this server alone, while NATS is away"

_log = logging.getLogger("scribewire.cluster")


@dataclass(slots=True)
class _Entry:
    """One key: what this server holds, and what the bucket said last."""

    held: int = 0
    written: int | None = 0  # of what is held; None: nobody knows
    revision: int | None = None  # of what the bucket said; None: it has to be read
    counts: dict[str, int] = field(default_factory=dict)  # by server
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0  # that wait for the lock, or have it


class KeyPlaces:
    """The places of keys, as one server takes and gives them. For the event loop's thread.

    `limit_of` tells how many sessions a key may have at once now; None: any number.
    """

    def __init__(self, cluster: Cluster, limit_of: Callable[[str], int | None]) -> None:
        self._connection, self._leases = cluster.connection, cluster.leases
        self._me = cluster.connection.server_id
        self._limit_of = limit_of
        self._now = asyncio.get_running_loop().time
        self._entries: dict[str, _Entry] = {}
        self._bucket: KeyValue | None = None
        self._lease: Lease | None = None  # without it nothing counts that this server has written
        self._taking_lease = asyncio.Lock()
        self._up_at = self._now()
        self._has_work = asyncio.Event()
        self._is_alone = False  # as far as the log says

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep what is written true for as long as the context is open."""
        forget = self._connection.on_up(self._declare)
        if self._connection.is_up:
            with contextlib.suppress(ClusterFault), translated():
                await self._declare()
        running = asyncio.create_task(self._run())
        try:
            yield
        finally:
            forget()
            await end_task(running)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_PATIENCE_S):
                    await self._write_due()
            if self._lease is not None:
                await self._leases.release(self._lease)

    async def take(self, key_id: str, most: int | None, *, is_moved: bool = False) -> bool:
        """Take a place of a key; return whether there was one. Owed then: `give_back`.

        `is_moved`: it is for a session that has had one on another server, and is not refused.
        """
        entry = self._entries.setdefault(key_id, _Entry())
        if most is not None and not is_moved and not await self._is_free(key_id, entry, most):
            return False
        entry.held += 1
        self._note_changed(entry, most)
        return True

    async def _is_free(self, key_id: str, entry: _Entry, most: int) -> bool:
        """Have one more place written; while NATS is away, tell by what this server holds."""
        async with self._changing(entry):
            try:
                return await self._write(key_id, entry, entry.held + 1, most)
            except ClusterFault:
                self._note_alone()
                return entry.held < most

    def give_back(self, key_id: str) -> None:
        """Let others have a place that was taken."""
        entry = self._entries[key_id]
        entry.held -= 1
        self._note_changed(entry, self._limit_of(key_id))

    def _note_changed(self, entry: _Entry, most: int | None) -> None:
        is_written = entry.written == entry.held
        if not is_written and (most is not None or entry.written != 0):
            self._has_work.set()

    @contextlib.asynccontextmanager
    async def _changing(self, entry: _Entry) -> AsyncIterator[None]:
        entry.users += 1
        try:
            async with entry.changing:
                yield
        finally:
            entry.users -= 1

    # Beside the sessions.

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._has_work.wait()
            self._has_work.clear()
            try:
                await self._write_due()
            except Exception:  # noqa: BLE001 - ours: else no place would be given back any more
                words = "! places of keys: a fault of ours"
                _log.warning(LogLine("key_places_failed", words), exc_info=True)

    async def _write_due(self) -> None:
        """Write what is not as it was written, and forget what is of no account."""
        if any(one.held and one.written for one in self._entries.values()):
            with contextlib.suppress(ClusterFault):  # then it is tried again in a moment
                await self._have_lease()  # without it that counts for nothing
        for key_id, entry in list(self._entries.items()):
            try:
                async with self._changing(entry):
                    await self._write_if_due(key_id, entry)
            except ClusterFault:
                if not self._connection.is_up:
                    return  # the others would fail too; in a moment it is tried again
            if not (entry.held or entry.written or entry.written is None or entry.users):
                del self._entries[key_id]

    async def _write_if_due(self, key_id: str, entry: _Entry) -> None:
        if entry.written == 0 and self._limit_of(key_id) is None:
            return
        if entry.written != entry.held:
            await self._write(key_id, entry, entry.held)

    async def _declare(self) -> None:
        """Have a bucket, whenever NATS is there; what it says of this server may be of before."""
        self._bucket = await have_bucket(self._connection, BUCKET)
        self._up_at = self._now()
        self._is_alone = False
        self._doubt_all()

    def _doubt_all(self) -> None:
        for entry in self._entries.values():
            entry.revision = None
            entry.written = None if entry.written else entry.written  # 0: nothing ever was
        self._has_work.set()

    def _note_alone(self) -> None:
        if not self._is_alone:
            _log.warning(LogLine("key_places_alone", _ALONE))
        self._is_alone = True

    # The bucket.

    async def _write(self, key_id: str, entry: _Entry, own: int, most: int | None = None) -> bool:
        """Have an entry say that this server holds so many; return whether that is so.

        It is not where all servers together would have more than `most`. Raises ClusterFault.
        """
        await self._have_lease()
        is_fresh = False  # whether what is known has been read now
        for _ in range(MOST_TRIES):
            if entry.revision is None:
                await self._read(key_id, entry)
                is_fresh = True
            others = {one: count for one, count in entry.counts.items() if one != self._me}
            if most is not None and sum(others.values()) + own > most:
                if not is_fresh:
                    entry.revision = None
                    continue
                others = await self._of_the_living(others)
                if sum(others.values()) + own > most:
                    return False
            if await self._put(key_id, entry, {**others, self._me: own} if own else others):
                return True
            is_fresh = False
            await asyncio.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311 - no secret
        return False  # so many want one that there is hardly any left

    async def _put(self, key_id: str, entry: _Entry, counts: dict[str, int]) -> bool:
        """Write an entry, unless somebody has since it was read."""
        last, entry.revision, entry.written = entry.revision, None, None  # until that is known
        try:
            with translated():
                written = json.dumps(counts).encode()
                revision = await self._open_bucket().update(key_id, written, last=last)
        except ClusterFault as fault:
            if isinstance(fault.__cause__, KeyWrongLastSequenceError):
                return False
            raise
        entry.revision, entry.counts, entry.written = revision, counts, counts.get(self._me, 0)
        return True

    async def _read(self, key_id: str, entry: _Entry) -> None:
        with translated():
            try:
                found = await self._open_bucket().get(key_id)
            except KeyNotFoundError as error:
                entry.revision, entry.counts = _last_of(error), {}
                return
        entry.revision, entry.counts = found.revision or 0, _read_counts(found.value or b"")

    async def _of_the_living(self, counts: dict[str, int]) -> dict[str, int]:
        """Return what servers hold that have a lease.

        Where NATS has just come back, leases may not have been renewed: all are taken for living.
        """
        if self._now() - self._up_at < TTL_S:
            return counts
        return {
            server_id: count
            for server_id, count in counts.items()
            if await self._leases.holder(_LEASE + server_id) is not None
        }

    async def _have_lease(self) -> None:
        """Hold the lease that makes count what is written. Raises ClusterFault."""
        if self._lease is not None and self._lease.is_held:
            return
        async with self._taking_lease:
            if self._lease is not None and self._lease.is_held:
                return
            taken = await self._leases.acquire(_LEASE + self._me)
            if taken is None:  # the one of before may be renewed yet
                raise ClusterFault("what this server has held has not run out yet")
            was_lost, self._lease = self._lease is not None, taken
            if was_lost:  # others may have taken it for dead
                self._doubt_all()

    def _open_bucket(self) -> KeyValue:
        if self._bucket is None or not self._connection.is_up:
            raise ClusterFault("the cluster cannot be reached now")
        return self._bucket


def _last_of(error: KeyNotFoundError) -> int:
    """Return the revision of what an entry was before it was removed; 0: there was none."""
    entry = error.entry
    return 0 if entry is None else entry.revision or 0


def _read_counts(written: bytes) -> dict[str, int]:
    """Return what an entry says; nothing where it is not ours."""
    with contextlib.suppress(ValueError):
        told = json.loads(written)
        if isinstance(told, dict):
            return {
                str(one): count for one, count in told.items() if type(count) is int and count > 0
            }
    return {}
