"""Going on with a session of a process that is gone, from what its journal has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.journal.entries import SessionPosition
from scribewire.protocol.resuming import Position, cannot_resume, check_come_back
from scribewire.server.session_beginning import SessionBeginning, StreamOrigin
from scribewire.server.session_results import MAX_KEPT_FINALS
from scribewire.types import ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.events import Final
    from scribewire.journal.entries import JournaledFinal
    from scribewire.journal.reader import JournaledSession
    from scribewire.protocol.resuming import ComeBack

_AT_ITS_BEGINNING = SessionPosition(at_ms=0, settled_ms=0)
_LEFT = frozenset({"open", "cut off", "drained", "complete"})
"""How a session ended that its client may not have heard the end of."""


def beginning_of(
    recorded: JournaledSession | None, back: ComeBack, key_id: str, *, now_ms: int
) -> SessionBeginning:
    """Return where a session begins that goes on for a client, of this key, from a journal.

    `now_ms` is Unix time. Raises ClientFault where it cannot: nothing is told of whether there is
    one to who may not have it.
    """
    head = None if recorded is None else recorded.head
    if recorded is None or head is None or head.key_id != key_id or head.epoch is None:
        raise cannot_resume()
    is_over = recorded.state not in _LEFT
    if is_over or now_ms - recorded.written_at_ms > head.resume_window_ms:
        raise cannot_resume()
    if head.source_host is not None:
        raise cannot_resume("its stream was pulled by a server that has ended")
    at = recorded.position or _AT_ITS_BEGINNING
    if at.settled_ms is None:
        raise cannot_resume("a recording can only be heard from its beginning")
    count = at.finals
    if any(one.number > count for one in recorded.finals):  # they would be told a second time
        raise cannot_resume("what the journal has of it is damaged")
    known = _last_in_a_row(recorded.finals, count)[-MAX_KEPT_FINALS:]
    position = Position(epoch=head.epoch, received_bytes=at.replay_from_bytes, finals=count)
    check_come_back(back, position, kept_finals=len(known), earlier=recorded.epochs)
    return SessionBeginning(
        origin=StreamOrigin(
            sample=ms_to_samples(at.settled_ms),
            utterances=max([count, *(one.final.utterance + 1 for one in recorded.finals)]),
            speakers=max((one.final.speaker or 0 for one in recorded.finals), default=0),
        ),
        received_bytes=at.replay_from_bytes,
        layout=at.layout,
        finals=tuple(known),
        final_count=count,
        epochs={**recorded.epochs, head.epoch: count},
    )


def _last_in_a_row(finals: Sequence[JournaledFinal], count: int) -> list[Final]:
    """Return those up to the last one, of this number, that none is missing between."""
    found: list[Final] = []
    for one in reversed(finals):
        if one.number != count - len(found):
            break
        found.insert(0, one.final)
    return found
