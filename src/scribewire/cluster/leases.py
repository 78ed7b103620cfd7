"""Leases: names that one server at a time holds, and that are free soon after it has died.

Theory of operation. A lease is an entry of a bucket whose entries go away by themselves. Taking one
is compare-and-set, so of two that try one gets it. Who holds it writes it again every
`RENEW_EVERY_S`; who could not for `BELIEVED_S` by its own clock believes it no more, before the
bucket lets another have it at `TTL_S`: between the two nobody holds it, and never two do, unless a
process stood still in between; what must not happen twice even then is written with a condition
that NATS checks. Each renewal is also told to whoever listens, so that all know who holds what
without asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any, Final

from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError

from scribewire.cluster.connection import ClusterConnection, ClusterFault, translated
from scribewire.cluster.stored import have_bucket
from scribewire.cluster.tasks import end_task
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from nats.aio.msg import Msg
    from nats.js.kv import KeyValue

TTL_S: Final = 6.0
"""After this, a lease that was not renewed is free."""

BELIEVED_S: Final = 4.0
"""After this without a renewal its holder takes it for lost."""

RENEW_EVERY_S: Final = 2.0

BUCKET: Final = "scribewire-leases"

LeaseValue = dict[str, Any]
"""What is told with a lease: JSON, nothing secret."""

_TOLD = "scribewire.leases."
_STORED = f"$KV.{BUCKET}."
_OWN_TRIES = 3  # of one entry: it may be renewed meanwhile

_log = logging.getLogger("scribewire.cluster")


class Lease:
    """One name that this server holds, or has held."""

    def __init__(
        self, name: str, value: LeaseValue, *, revision: int, now: Callable[[], float]
    ) -> None:
        self.name: Final = name
        self.value = value
        """What is told with it; `Leases.update` changes it."""
        self.lost = asyncio.Event()
        """Set once it is not held any more, whoever has it."""
        self.revision = revision
        """Of its entry, as this server wrote it last."""
        self.renewed_at = now()
        """When what was written last was asked for."""
        self._now = now

    @property
    def is_held(self) -> bool:
        """Whether it may be relied on at this moment."""
        return not self.lost.is_set() and self._now() - self.renewed_at < BELIEVED_S


class Leases:
    """The leases of one server, and what it knows of others'. For the event loop's thread."""

    def __init__(self, connection: ClusterConnection) -> None:
        self._connection = connection
        self._now = asyncio.get_running_loop().time
        self._held: set[Lease] = set()
        self._wanted: set[str] = set()  # that are being asked for
        self._bucket: KeyValue | None = None
        connection.on_up(self._declare)

    @contextlib.asynccontextmanager
    async def renewing(self) -> AsyncIterator[None]:
        """Renew what is held for as long as the context is open, then let go of it."""
        running = asyncio.create_task(self._run())
        try:
            yield
        finally:
            await end_task(running)
            await asyncio.gather(*(self.release(one) for one in list(self._held)))

    async def acquire(self, name: str, value: LeaseValue | None = None) -> Lease | None:
        """Take a lease; None: another holds it. Raises ClusterFault.

        A name is of letters, digits, `-`, `_` and `.`.
        """
        if name in self._wanted or any(one.name == name for one in self._held):
            return None
        self._wanted.add(name)
        try:
            return await self._acquire(name, value or {})
        finally:
            self._wanted.discard(name)

    async def _acquire(self, name: str, value: LeaseValue) -> Lease | None:
        asked_at = self._now()
        with translated():
            try:
                revision = await self._open_bucket().create(name, self._written(value))
            except (KeyWrongLastSequenceError, KeyNotFoundError):  # or gone since it was refused
                asked_at = self._now()
                found = await self._write_own(name, value)  # of a try whose answer has not come
                if found is None:
                    return None
                revision = found
        lease = Lease(name, value, revision=revision, now=self._now)
        lease.renewed_at = asked_at
        self._held.add(lease)
        await self._tell(name, value)
        return lease

    async def update(self, lease: Lease, value: LeaseValue) -> None:
        """Tell something else with a lease that is held. Raises ClusterFault where NATS is away."""
        lease.value = value
        await self._renew(lease)

    async def release(self, lease: Lease) -> None:
        """Let go of a lease at once; where that cannot be told it is free a moment later."""
        self._lose(lease)
        with contextlib.suppress(ClusterFault), translated():
            await self._open_bucket().delete(lease.name, last=lease.revision)
            await self._connection.nats.publish(_TOLD + lease.name, b"")

    async def holder(self, name: str) -> LeaseValue | None:
        """Return what is told with a lease, whoever holds it; None: nobody. Raises ClusterFault.

        It has the holder's `server`.
        """
        with translated():
            try:
                entry = await self._open_bucket().get(name)
            except KeyNotFoundError:
                return None
        return _read(entry.value or b"")

    @contextlib.asynccontextmanager
    async def watch(
        self, prefix: str, on_change: Callable[[], None] = lambda: None
    ) -> AsyncIterator[LeaseWatch]:
        """Know all leases whose names begin with `prefix.`, for as long as the context is open.

        `on_change` is called when one is told of, also where nothing has changed in it.
        """
        watch = LeaseWatch(prefix, self._now, on_change)

        async def fill() -> None:
            await self._fill(watch)

        forget = self._connection.on_up(fill)
        if self._connection.is_up:
            with contextlib.suppress(ClusterFault), translated():
                await fill()
        subscribing = asyncio.create_task(self._subscribe(watch))
        try:
            yield watch
        finally:
            forget()
            await end_task(subscribing)

    async def _fill(self, watch: LeaseWatch) -> None:
        """Let a watch know those that there are.

        By their subjects: the client's own ways to list keys lose some where those come before the
        answer that says how many there are.
        """
        bucket = self._open_bucket()
        stored = await self._connection.jetstream.stream_info(
            f"KV_{BUCKET}", subjects_filter=f"{_STORED}{watch.prefix}.>"
        )
        for subject in stored.state.subjects or ():
            name = subject.removeprefix(_STORED)
            with contextlib.suppress(KeyNotFoundError):
                watch.take(name, (await bucket.get(name)).value or b"")

    async def _subscribe(self, watch: LeaseWatch) -> None:
        """Hear what is told; a subscription lasts over lost connections, once there is one."""
        while not await self._connection.wait_up(RENEW_EVERY_S):
            pass
        subject = f"{_TOLD}{watch.prefix}.>"
        subscription = await self._connection.nats.subscribe(subject, cb=watch.receive)
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(ClusterFault), translated():
                await subscription.unsubscribe()

    async def _declare(self) -> None:
        # Not in memory: where NATS is started anew, revisions must not begin again, or one of
        # before could be taken for one of another holder.
        self._bucket = await have_bucket(self._connection, BUCKET, ttl_s=TTL_S)

    def _open_bucket(self) -> KeyValue:
        bucket = self._bucket
        if bucket is None or not self._connection.nats.is_connected:
            raise ClusterFault("the cluster cannot be reached now")
        return bucket

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await asyncio.gather(*(self._renew_or_lose(one) for one in list(self._held)))

    async def _renew_or_lose(self, lease: Lease) -> None:
        try:
            await self._renew(lease)
        except ClusterFault:
            pass
        except Exception:  # noqa: BLE001 - ours: else no lease would be renewed any more
            words = "! lease {name}: a fault of ours"
            _log.warning(LogLine("lease_failed", words, name=lease.name), exc_info=True)
        if not lease.is_held:
            self._lose(lease)

    async def _renew(self, lease: Lease) -> None:
        """Write a lease again; it is lost where another has it."""
        asked_at, revision = self._now(), None
        try:
            with translated():
                revision = await self._open_bucket().update(
                    lease.name, self._written(lease.value), last=lease.revision
                )
        except ClusterFault as fault:
            if not isinstance(fault.__cause__, APIError):
                raise
            asked_at = self._now()
            revision = await self._write_again(lease)
        if revision is None or lease.lost.is_set():
            self._lose(lease)
            return
        lease.revision, lease.renewed_at = revision, asked_at
        await self._tell(lease.name, lease.value)

    async def _write_again(self, lease: Lease) -> int | None:
        """Write a lease that is not as we wrote it, if it is still ours; return its revision.

        NATS may have been started anew, or our last renewal came though its answer did not.
        """
        if not lease.is_held:
            return None
        with translated():
            try:
                return await self._open_bucket().create(lease.name, self._written(lease.value))
            except KeyWrongLastSequenceError:
                return await self._write_own(lease.name, lease.value)

    async def _write_own(self, name: str, value: LeaseValue) -> int | None:
        """Write an entry anew that this server has written; None: there is none.

        Only so it is known for how long it lasts: the bucket may be about to let go of it.
        """
        for _ in range(_OWN_TRIES):
            try:
                entry = await self._open_bucket().get(name)
            except KeyNotFoundError:
                return None
            found = _read(entry.value or b"")
            if found is None or found.get("server") != self._connection.server_id:
                return None
            with contextlib.suppress(KeyWrongLastSequenceError):
                written = self._written(value)
                return await self._open_bucket().update(name, written, last=entry.revision)
        return None

    def _lose(self, lease: Lease) -> None:
        self._held.discard(lease)
        if not lease.lost.is_set():
            lease.lost.set()
            _log.debug(LogLine("lease_over", "= no lease any more: {name}", name=lease.name))

    async def _tell(self, name: str, value: LeaseValue) -> None:
        with contextlib.suppress(ClusterFault), translated():
            await self._connection.nats.publish(_TOLD + name, self._written(value))

    def _written(self, value: LeaseValue) -> bytes:
        return json.dumps({**value, "server": self._connection.server_id}).encode()


class LeaseWatch:
    """What is known of the leases with one prefix."""

    def __init__(
        self, prefix: str, now: Callable[[], float], on_change: Callable[[], None]
    ) -> None:
        self.prefix: Final = prefix
        self._now, self._on_change = now, on_change
        self._told: dict[str, tuple[LeaseValue, float]] = {}

    @property
    def current(self) -> Mapping[str, LeaseValue]:
        """Those that are held, as far as is known, by name; each value has its `server`."""
        oldest = self._now() - TTL_S
        gone = [name for name, (_, told_at) in self._told.items() if told_at < oldest]
        for name in gone:
            del self._told[name]
        return {name: value for name, (value, _) in self._told.items()}

    async def receive(self, message: Msg) -> None:
        """Take what was told of one."""
        self.take(message.subject.removeprefix(_TOLD), message.data)

    def take(self, name: str, written: bytes) -> None:
        """Take what stands in an entry, or was told of it."""
        value = _read(written)
        if value is None:
            self._told.pop(name, None)
        else:
            self._told[name] = value, self._now()
        self._on_change()


def _read(written: bytes) -> LeaseValue | None:
    """Return the value that was told; None: the lease was let go of, or nobody knows by whom."""
    with contextlib.suppress(ValueError):
        value = json.loads(written)
        if isinstance(value, dict) and isinstance(value.get("server"), str):
            return value
    return None
