"""What is kept of a session as messages, and the session that they make together.

Theory of operation. A session is a few messages, of which NATS keeps the latest of each subject:
who has it (`owner`), one head for each server that has carried it, its latest finals, where it is,
and how it has ended. Whoever takes a session over writes an owner message, whose sequence number
names its *run*; so runs stand in order whatever the clocks say. A final and where the session is
behind it are one message: after a crash both are there or neither.

Each message but the owner's is a version, the run, sections, and a checksum over it all and the
session's name. Sections and fields that a version does not know are passed over.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import struct
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from scribewire.journal.entries import (
    OUTCOMES,
    JournaledFinal,
    JournalFault,
    SessionEnd,
    SessionHead,
    SessionPosition,
)
from scribewire.journal.reader import JournaledSession
from scribewire.journal.rows import (
    read_final,
    read_head,
    read_layout,
    write_final,
    write_head,
    write_layout,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OWNER: Final = "owner"
"""The name of the message that says whose a session is."""

VERSION: Final = 1
"""Of the messages; another number is not read."""

_MAGIC: Final = b"SWs"
_OPENING, _SECTION, _NUMBER, _CRC = (struct.Struct(one) for one in ("!3sBQ", "!BI", "!I", "!I"))
_HEAD, _FINAL, _POSITION, _END = 1, 2, 3, 4  # kinds of sections


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOwner:
    """Which server has a session."""

    server_id: str
    run: int = 0
    """Named by the first owner message of that server; 0: this is it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMessage:
    """One message of a session, by the server of one run."""

    run: int
    head: SessionHead | None = None
    final: JournaledFinal | None = None
    position: SessionPosition | None = None
    end: SessionEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """One as it lies in the stream."""

    sequence: int
    name: str
    """Of its subject, what is behind the session's: `owner`, `final.7`."""
    stored_at: float
    """By the clock of NATS, in Unix seconds."""
    content: bytes


def write_owner(owner: SessionOwner) -> bytes:
    """Return an owner as bytes."""
    return json.dumps({"server": owner.server_id, "run": owner.run}).encode()


def read_owner(content: bytes) -> SessionOwner:
    """Return the owner that these bytes tell. Raises JournalFault where they tell none."""
    try:
        told = json.loads(content)
        return SessionOwner(server_id=str(told["server"]), run=int(told["run"]))
    except (KeyError, TypeError, ValueError) as error:
        raise JournalFault(f"no owner of a session: {error}") from None


def write_message(session_id: str, message: SessionMessage) -> bytes:
    """Return a message as bytes."""
    written = _OPENING.pack(_MAGIC, VERSION, message.run)
    if message.head is not None:
        written += _section(_HEAD, write_head(message.head))
    if (final := message.final) is not None:
        written += _section(_FINAL, _NUMBER.pack(final.number) + write_final(final.final))
    if message.position is not None:
        written += _section(_POSITION, _write_position(message.position))
    if (end := message.end) is not None:
        written += _section(_END, json.dumps([end.at_ms, end.outcome]).encode())
    return written + _CRC.pack(_checksum(session_id, written))


def read_message(session_id: str, content: bytes) -> SessionMessage:
    """Return what a message says. Raises JournalFault where it is not as it was written."""
    if len(content) < _OPENING.size + _CRC.size or not content.startswith(_MAGIC):
        raise JournalFault("no message of a session")
    _, version, run = _OPENING.unpack_from(content)
    if version != VERSION:
        age = "an older" if version < VERSION else "a newer"
        raise JournalFault(f"written by {age} version ({version}, this one reads {VERSION})")
    written = content[: -_CRC.size]
    if _CRC.unpack(content[-_CRC.size :]) != (_checksum(session_id, written),):
        raise JournalFault("not as it was written")
    told: dict[str, Any] = {}  # by the fields of a message
    for kind, body in _sections(written):
        match kind:
            case 1:
                told["head"] = read_head(body)
            case 2:
                (number,) = _NUMBER.unpack_from(body)
                final = read_final(body[_NUMBER.size :])
                told["final"] = JournaledFinal(number=number, final=final)
            case 3:
                told["position"] = _read_position(body)
            case 4:
                told["end"] = _read_end(body)
    return SessionMessage(run=run, **told)


def assemble_session(
    session_id: str, messages: Sequence[StoredMessage], *, stored_now: float, now: float
) -> JournaledSession | None:
    """Return the session that messages, in their order, make; None: they make none.

    How long ago they were written is by the clock of NATS, which says `stored_now`: those of
    servers, of which ours says `now`, may differ.
    """
    found = _Found(session_id)
    for one in messages:
        found.take(one)
    if not found.is_there:
        return None
    return found.session(written_at=now - max(0.0, stored_now - found.written_at))


@dataclass(slots=True)
class _Found:
    """What has been found of a session."""

    session_id: str
    heads: dict[int, SessionHead] = field(default_factory=dict)  # by run
    finals: dict[int, JournaledFinal] = field(default_factory=dict)
    position: SessionPosition | None = None
    ends: dict[int, SessionEnd] = field(default_factory=dict)
    written_at: float = 0.0
    problems: list[str] = field(default_factory=list)
    is_there: bool = False

    def take(self, stored: StoredMessage) -> None:
        """Take a message; one that cannot be read is left out, and said."""
        if stored.name == OWNER:  # says nothing of how it fares
            return
        self.is_there = True
        self.written_at = max(self.written_at, stored.stored_at)
        try:
            message = read_message(self.session_id, stored.content)
        except JournalFault as fault:
            self.problems.append(f"{stored.name}: {fault}")
            return
        if message.head is not None:
            self.heads[message.run] = message.head
        if message.final is not None:
            self.finals[message.final.number] = message.final
        if message.end is not None:
            self.ends[message.run] = message.end
        at = message.position
        if at is not None and (self.position is None or _reach(at) >= _reach(self.position)):
            self.position = at

    def session(self, *, written_at: float) -> JournaledSession:
        """Return what has come together."""
        runs = sorted(self.heads)
        last = runs[-1] if runs else 0
        epochs = {
            epoch: self.heads[following].finals_before
            for run, following in itertools.pairwise(runs)
            if (epoch := self.heads[run].epoch) is not None
        }
        end = self.ends.get(last)
        return JournaledSession(
            session_id=self.session_id,
            head=self.heads.get(last),
            began_at_ms=self.heads[runs[0]].began_at_ms if runs else None,
            finals=tuple(self.finals[number] for number in sorted(self.finals)),
            position=self.position,
            state="open" if end is None else end.outcome,
            written_at_ms=int(written_at * 1000),
            epochs=epochs,
            problems=tuple(self.problems),
        )


def _reach(position: SessionPosition) -> tuple[int, int]:
    return position.finals, position.replay_from_bytes


def _checksum(session_id: str, written: bytes) -> int:
    return crc32(written, crc32(session_id.encode()))


def _section(kind: int, body: bytes) -> bytes:
    return _SECTION.pack(kind, len(body)) + body


def _sections(written: bytes) -> Iterator[tuple[int, bytes]]:
    at = _OPENING.size
    while at < len(written):
        kind, size = _SECTION.unpack_from(written, at)
        at += _SECTION.size
        yield kind, written[at : at + size]
        at += size


def _write_position(position: SessionPosition) -> bytes:
    told: dict[str, object] = {}
    for one in fields(position):
        value = getattr(position, one.name)
        if one.name == "layout":
            value = write_layout(value)
        told[one.name] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def _read_position(body: bytes) -> SessionPosition:
    told: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        told = json.loads(body)
    known = {one.name: str(one.type) for one in fields(SessionPosition) if one.name in told}
    for name, kind in known.items():
        if name == "layout":
            told[name] = read_layout(told[name])
        elif "bytes" in kind:
            told[name] = base64.b64decode(told[name])
    try:
        return SessionPosition(**{name: told[name] for name in known})
    except TypeError as error:
        raise JournalFault(f"no position: {error}") from None


def _read_end(body: bytes) -> SessionEnd:
    at_ms, outcome = json.loads(body)
    if outcome not in OUTCOMES:
        raise JournalFault(f"no end of a session: {outcome}")
    return SessionEnd(at_ms=at_ms, outcome=outcome)
