"""The stream of JetStream in which sessions lie: messages in on a condition, and out again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nats.js.api import StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

from scribewire.cluster.connection import ClusterFault, translated
from scribewire.cluster.session_messages import (
    OWNER,
    SessionOwner,
    StoredMessage,
    read_owner,
    write_owner,
)
from scribewire.cluster.stored import have_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.cluster.connection import ClusterConnection

STREAM: Final = "scribewire-sessions"
"""What it is called."""

KEPT_S: Final = 86_400.0
"""How long messages are kept, beyond the time in which clients come back."""

KEPT_FINALS: Final = 512
"""Of a session: as many as are told again to who comes back."""

_PREFIX: Final = "scribewire.session"
_NAMES: Final = (OWNER, "head.*", "final.*", "position", "end")
_CONDITION: Final = "Nats-Expected-Last-Subject-Sequence"
_CONDITION_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence-Subject"
_WRONG_SEQUENCE: Final = 10071
_IN_FLIGHT: Final = 10164  # told where there are copies: one with this condition is being stored
_IN_FLIGHT_TRIES: Final = 40
_IN_FLIGHT_PAUSE_S: Final = 0.025
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LONGEST_S: Final = 30.0  # whoever calls has less patience


class NotOwnedError(Exception):
    """A message was refused: its condition does not hold."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a session is."""

    owner: SessionOwner
    sequence: int
    """Of the message that says so: what the owner writes is refused behind another one."""


class SessionStream:
    """The messages of sessions. Calls raise ClusterFault, or what nats-py raises."""

    def __init__(self, connection: ClusterConnection, *, resume_window_s: float) -> None:
        self._connection = connection
        self._kept_s = resume_window_s + KEPT_S

    async def declare(self) -> None:
        """Have it there."""
        wanted = StreamConfig(
            name=STREAM,
            description="Scribewire: sessions that another server may go on with",
            subjects=[f"{_PREFIX}.*.{name}" for name in _NAMES],
            max_msgs_per_subject=1,
            max_age=self._kept_s,
            storage=StorageType.FILE,
            allow_direct=True,
        )
        await have_stream(self._connection, wanted)

    async def check(self) -> None:
        """Do nothing, if it is there. Raises what is wrong."""
        await self._connection.jetstream.stream_info(STREAM)

    async def add(self, session_id: str, name: str, content: bytes, *, owned: int) -> None:
        """Add a message of a session whose last owner message is this one.

        Raises NotOwnedError where another is.
        """
        condition = {
            _CONDITION: str(owned),
            _CONDITION_SUBJECT: _subject(session_id, OWNER),
        }
        await self._publish(_subject(session_id, name), content, condition)

    async def claim(self, session_id: str, owner: SessionOwner, *, after: int) -> int:
        """Have a session whose last owner message is this one, 0 for none.

        Returns the sequence number of the message that says so. Raises NotOwnedError.
        """
        condition = {_CONDITION: str(after)}
        return await self._publish(_subject(session_id, OWNER), write_owner(owner), condition)

    async def owner(self, session_id: str) -> Owned | None:
        """Return whose a session is; None: nobody's. Raises JournalFault where that is damaged."""
        if not is_name(session_id):
            return None
        try:
            found = await self._connection.jetstream.get_last_msg(
                STREAM, _subject(session_id, OWNER)
            )
        except NotFoundError:
            return None
        owner, sequence = read_owner(found.data or b""), found.seq or 0
        return Owned(replace(owner, run=owner.run or sequence), sequence)

    async def messages(self, session_id: str) -> list[StoredMessage]:
        """Return the messages of a session in their order."""
        client, inbox = self._connection.nats, self._connection.nats.new_inbox()
        asked = {"multi_last": [_subject(session_id, ">")], "batch": 2 * KEPT_FINALS}
        answers, found = await client.subscribe(inbox), list[StoredMessage]()
        try:
            subject = f"$JS.API.DIRECT.GET.{STREAM}"
            await client.publish(subject, json.dumps(asked).encode(), reply=inbox)
            while True:
                told = await answers.next_msg(timeout=_LONGEST_S)
                headers = told.headers or {}
                if "Status" in headers:
                    return found
                found.append(_stored(headers, told.data, session_id))
        finally:
            with contextlib.suppress(ClusterFault), translated():
                await answers.unsubscribe()

    async def _publish(self, subject: str, content: bytes, condition: dict[str, str]) -> int:
        tries = 0
        while True:
            try:
                stored = await self._connection.jetstream.publish(
                    subject, content, timeout=_LONGEST_S, stream=STREAM, headers=condition
                )
            except BadRequestError as error:
                if error.err_code == _WRONG_SEQUENCE:
                    raise NotOwnedError from None
                tries += 1
                if error.err_code != _IN_FLIGHT or tries == _IN_FLIGHT_TRIES:
                    raise
            else:
                return stored.seq
            await asyncio.sleep(_IN_FLIGHT_PAUSE_S)


def is_name(session_id: str) -> bool:
    """Tell whether this can name a session in a subject, whatever a client says."""
    return _ID.fullmatch(session_id) is not None


def _subject(session_id: str, name: str) -> str:
    return f"{_PREFIX}.{session_id}.{name}"


def _stored(headers: Mapping[str, str], content: bytes, session_id: str) -> StoredMessage:
    return StoredMessage(
        sequence=int(headers["Nats-Sequence"]),
        name=headers["Nats-Subject"].removeprefix(_subject(session_id, "")),
        stored_at=datetime.fromisoformat(headers["Nats-Time-Stamp"]).timestamp(),
        content=content,
    )
