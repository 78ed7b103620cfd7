"""What is written down of a session: its head, its finals, where it was, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from scribewire.errors import ServerFault

if TYPE_CHECKING:
    from scribewire.audio.wire import WireLayout
    from scribewire.events import Final
    from scribewire.wishes import Wishes

SessionOutcome: TypeAlias = Literal["complete", "dropped", "drained", "failed"]
"""How a session ended: with its last final; before that because nobody waited for it any more;
because its server went down, maybe with the finals of all that it had heard; by a fault of ours."""

OUTCOMES: frozenset[str] = frozenset(get_args(SessionOutcome))
"""Every `SessionOutcome`."""


class JournalFault(ServerFault):
    """A journal cannot be written or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHead:
    """What a session was begun with. It holds no key and nothing secret of a URL."""

    session_id: str
    began_at_ms: int
    """Unix time."""
    path: str
    """Of the dialect that it is spoken in, as a log has it."""
    wishes: Wishes
    """What was asked for, without a `url`."""
    source_host: str | None = None
    """Where its audio is pulled from, without path and query; None: it is pushed."""
    audio_format: str = "pcm"
    """Of what is pushed."""
    key_id: str = ""
    """What names its key in a log, and opens nothing."""
    epoch: str | None = None
    """Of its positions, if it can be resumed."""
    resume_window_ms: int = 0
    """How long it is kept for its client to come back; 0: it is not."""
    finals_before: int = 0
    """How many it had when it went on here, where it has begun at another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPosition:
    """How far a session had come at a moment."""

    at_ms: int
    """Unix time."""
    received_bytes: int = 0
    """Of audio, over all connections."""
    replay_from_bytes: int = 0
    """Where the audio begins that is in no final yet."""
    audio_ms: int = 0
    """How much was heard."""
    finals: int = 0
    """The number of the last one."""
    settled_ms: int | None = None
    """How much of what was heard nobody needs who goes on without a checkpoint; None: nobody can.
    """
    layout: WireLayout | None = None
    """How the bytes are written, once that is known."""
    checkpoint: bytes | None = None
    """What another process goes on from, to the same finals, and what only a server can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledFinal:
    """One final, as it was told."""

    number: int
    """From 1, in its session."""
    final: Final


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """That a session is over."""

    at_ms: int
    """Unix time."""
    outcome: SessionOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One thing to be written of a session; with nothing else it is the head alone."""

    head: SessionHead
    """Whose it is. It is written once into each file that has an entry of the session."""
    final: JournaledFinal | None = None
    position: SessionPosition | None = None
    end: SessionEnd | None = None
