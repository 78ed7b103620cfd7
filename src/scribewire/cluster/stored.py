"""Has what is stored on NATS be there, on as many of its servers as was asked for.

Whoever comes first makes it. What is there stays as it is, but for its copies, of which there are
as many as anybody has asked for, and how long messages are kept: servers that are started anew one
by one may ask for others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nats.js.api import KeyValueConfig, StorageType, StreamConfig
from nats.js.errors import BadRequestError

if TYPE_CHECKING:
    from nats.js.kv import KeyValue

    from scribewire.cluster.connection import ClusterConnection

_IS_THERE_OTHERWISE: Final = 10058  # what NATS says then


async def have_bucket(
    connection: ClusterConnection, name: str, *, ttl_s: float | None = None
) -> KeyValue:
    """Return a bucket, in files, whose entries go by themselves after a time if one is given.

    Raises ClusterFault, or what nats-py raises.
    """
    wanted = KeyValueConfig(
        bucket=name, history=1, ttl=ttl_s, storage=StorageType.FILE, replicas=connection.copies
    )
    try:
        return await connection.jetstream.create_key_value(wanted)
    except BadRequestError as error:
        if error.err_code != _IS_THERE_OTHERWISE:
            raise
    await _have_no_less(connection, f"KV_{name}")
    return await connection.jetstream.key_value(name)


async def have_stream(connection: ClusterConnection, wanted: StreamConfig) -> None:
    """Have a stream with these subjects, whose messages are kept for as long at least.

    Raises ClusterFault, or what nats-py raises.
    """
    assert wanted.name is not None
    try:
        await connection.jetstream.add_stream(wanted.evolve(num_replicas=connection.copies))
    except BadRequestError as error:
        if error.err_code != _IS_THERE_OTHERWISE:
            raise
        await _have_no_less(connection, wanted.name, wanted)


async def _have_no_less(
    connection: ClusterConnection, name: str, wanted: StreamConfig | None = None
) -> None:
    """Change a stream that gives less than is wanted; never to less, or two would go on in turn."""
    found = (await connection.jetstream.stream_info(name)).config
    needed = found.evolve(num_replicas=max(found.num_replicas or 1, connection.copies))
    if wanted is not None:
        needed.max_age = max(found.max_age or 0, wanted.max_age or 0)
        needed.subjects = wanted.subjects
    if needed != found:
        await connection.jetstream.update_stream(needed)
