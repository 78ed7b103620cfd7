"""What a client and a server say of a session that outlives a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from scribewire.errors import ClientFault, CloseCode

NO_EPOCHS: Final[Mapping[str, int]] = MappingProxyType({})

_REFUSED = "cannot be resumed: {why}; begin a new session, without `session`"
_UNKNOWN = "no such session of this key is kept here, or not any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComeBack:
    """Which session a client wants to go on with, and what it has of it."""

    session_id: str
    epoch: str
    """As `Position.epoch` said."""
    finals: int
    """The number of the last final that it has; 0 for none."""
    oldest_byte: int = 0
    """Of its audio, the first that it can still send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a session has come that can be resumed."""

    epoch: str
    """Names the recognizer: positions are of one epoch alone. 8 hexadecimal digits."""
    received_bytes: int = 0
    """Of audio, over all connections; the client goes on from here."""
    finals: int = 0
    """The number of the last one there is."""


def cannot_resume(why: str = _UNKNOWN) -> ClientFault:
    """Return what a client is told; with no reason, nothing of whether there is such a session."""
    return ClientFault(_REFUSED.format(why=why), CloseCode.CANNOT_RESUME)


def check_come_back(
    back: ComeBack,
    position: Position,
    *,
    kept_finals: int,
    earlier: Mapping[str, int] = NO_EPOCHS,
) -> None:
    """Raise ClientFault where the session cannot go on from what the client has.

    `kept_finals`: how many of the last finals can be told again. `earlier`: the epochs that it has
    gone on from, and how many finals there were then; a client may not have heard of another.
    """
    if back.epoch != position.epoch and back.finals > earlier.get(back.epoch, -1):
        raise cannot_resume("its server has begun anew since")
    if back.finals > position.finals:
        raise cannot_resume(f"it has {position.finals} finals, not {back.finals}")
    if back.finals < position.finals - kept_finals:
        first = position.finals - kept_finals + 1
        raise cannot_resume(f"final {back.finals + 1} is not kept, the first that is is {first}")
    if back.oldest_byte > position.received_bytes:
        raise cannot_resume(
            f"it needs audio from byte {position.received_bytes} on, and {back.oldest_byte} is the "
            "oldest that there is"
        )
