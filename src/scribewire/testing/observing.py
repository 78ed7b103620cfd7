"""An observer that remembers what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.events import Final
    from scribewire.runtime.observer import CallNote, NotResumed, SessionObserver
    from scribewire.wishes import Wishes


@dataclass
class RememberingObserver:
    """Keeps all notes, of every session together."""

    audio_s: float = 0.0
    lags: list[float | None] = field(default_factory=list)
    latencies: list[float | None] = field(default_factory=list)
    calls: list[CallNote] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What else happened, in order."""

    def note_audio(self, seconds: float) -> None:
        """As in `StreamObserver`."""
        self.audio_s += seconds

    def note_partial(self, lag_s: float | None) -> None:
        """As in `StreamObserver`."""
        self.lags.append(lag_s)

    def note_final(self, final: Final, latency_s: float | None) -> None:
        """As in `StreamObserver`."""
        self.latencies.append(latency_s)

    def note_source_loss(self) -> None:
        """As in `SessionObserver`."""
        self.told.append("source lost")

    def note_source_fault(self, cause: str) -> None:
        """As in `SessionObserver`."""
        self.told.append(f"source fault: {cause}")

    def close(self) -> None:
        """As in `SessionObserver`."""
        self.told.append("closed")

    def open_session(self, session_id: str, wishes: Wishes) -> SessionObserver:
        """As in `Observer`."""
        self.told.append(f"opened {wishes.mode} {wishes.language}")
        return self

    def note_call(self, note: CallNote) -> None:
        """As in `Observer`."""
        self.calls.append(note)

    def note_refusal(self, reason: str) -> None:
        """As in `Observer`."""
        self.told.append(f"refused: {reason}")

    def note_close(self, code: int) -> None:
        """As in `Observer`."""
        self.told.append(f"close {code}")

    def note_kept(self) -> None:
        """As in `Observer`."""
        self.told.append("kept")

    def note_resumed(self) -> None:
        """As in `Observer`."""
        self.told.append("resumed")

    def note_not_resumed(self, reason: NotResumed) -> None:
        """As in `Observer`."""
        self.told.append(f"not resumed: {reason}")

    def note_moved(self) -> None:
        """As in `Observer`."""
        self.told.append("moved")
