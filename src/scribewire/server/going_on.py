"""Going on with a session of a process that is gone, from what its journal has."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault
from scribewire.journal.entries import SessionPosition
from scribewire.log_line import LogLine
from scribewire.protocol.resuming import Position, cannot_resume, check_come_back
from scribewire.recognition.checkpoint import begin_anew
from scribewire.server.session_beginning import SessionBeginning
from scribewire.server.session_checkpoint import open_sealed
from scribewire.server.session_results import MAX_KEPT_FINALS
from scribewire.types import ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.events import Final
    from scribewire.journal.entries import JournaledFinal
    from scribewire.journal.reader import JournaledSession
    from scribewire.protocol.resuming import ComeBack

_log = logging.getLogger("scribewire.session")

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
    if recorded is None:
        raise cannot_resume()
    check_left(recorded, key_id)
    head, at = recorded.head, recorded.position or _AT_ITS_BEGINNING
    assert head is not None, "checked, as is the rest"
    assert head.epoch is not None
    assert at.settled_ms is not None
    if now_ms - recorded.written_at_ms > head.resume_window_ms:
        raise cannot_resume()
    count = at.finals
    if any(one.number > count for one in recorded.finals):  # they would be told a second time
        raise cannot_resume("what the journal has of it is damaged")
    known = _last_in_a_row(recorded.finals, count)[-MAX_KEPT_FINALS:]
    sample = ms_to_samples(at.settled_ms)
    beginning = SessionBeginning(
        checkpoint=begin_anew(
            sample,
            utterances=max([count, *(one.final.utterance + 1 for one in recorded.finals)]),
            speakers=max((one.final.speaker or 0 for one in recorded.finals), default=0),
        ),
        received_bytes=at.replay_from_bytes if at.layout is None else at.layout.byte_of(sample),
        counted_samples=ms_to_samples(at.audio_ms),
        layout=at.layout,
        finals=tuple(known),
        final_count=count,
        epochs={**recorded.epochs, head.epoch: count},
    )
    position = Position(epoch=head.epoch, received_bytes=beginning.received_bytes, finals=count)
    check_come_back(back, position, kept_finals=len(known), earlier=recorded.epochs)
    return _from_checkpoint(at, beginning, back) or beginning


def _from_checkpoint(
    at: SessionPosition, anew: SessionBeginning, back: ComeBack
) -> SessionBeginning | None:
    """Return where it begins so that nothing tells of it; None: there is no such place."""
    if at.checkpoint is None or at.layout is None or len(anew.finals) < min(at.finals, 1):
        return None
    try:
        sealed = open_sealed(at.checkpoint)
    except ServerFault as fault:
        words = "! its checkpoint cannot be read: {reason}"
        _log.warning(
            LogLine("checkpoint_unread", words, session=back.session_id, reason=str(fault))
        )
        return None
    joint = at.layout.joint_for(sealed.checkpoint.begin) if at.layout.is_exact else None
    if joint is None or back.oldest_byte > joint.begin:
        return None
    return replace(
        anew,
        checkpoint=sealed.checkpoint,
        made_by=sealed.made_by,
        otherwise=anew,
        received_bytes=joint.begin,
        skipped_samples=joint.skipped,
        # It may be older than the last final, which it finds again.
        told_utterances=anew.finals[-1].utterance + 1 if anew.finals else 0,
    )


def check_left(recorded: JournaledSession, key_id: str) -> None:
    """Raise ClientFault where nobody of this key can go on with a session, wherever it is now."""
    head = recorded.head
    if head is None or head.key_id != key_id or head.epoch is None:
        raise cannot_resume()
    if recorded.state not in _LEFT:
        raise cannot_resume()
    if head.source_host is not None:
        raise cannot_resume("its stream was pulled by another server")
    if recorded.position is not None and recorded.position.settled_ms is None:
        raise cannot_resume("a recording can only be heard from its beginning")


def _last_in_a_row(finals: Sequence[JournaledFinal], count: int) -> list[Final]:
    """Return those up to the last one, of this number, that none is missing between."""
    found: list[Final] = []
    for one in reversed(finals):
        if one.number != count - len(found):
            break
        found.insert(0, one.final)
    return found
