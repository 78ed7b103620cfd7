"""What becomes of a session's audio, for whoever carries it to a client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from scribewire.errors import ClientFault
from scribewire.sources.events import SourceLost, SourceOpened


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """No more audio comes from the source; the remaining results do."""

    fault: ClientFault | None
    """Why; None where it was finite, and all of it was read."""


@dataclass(frozen=True, slots=True)
class AudioRefused:
    """What was pushed can be heard no further."""

    fault: ClientFault
    """Why."""


@dataclass(frozen=True, slots=True)
class EngineLoaded:
    """The engine that audio is read for is there: results may follow."""


SessionNews: TypeAlias = SourceOpened | SourceLost | SourceEnded | AudioRefused | EngineLoaded
