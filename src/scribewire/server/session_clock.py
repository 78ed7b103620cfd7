"""How long a session may last, and how long it may go on without audio: a core without I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from scribewire.errors import ClientFault

LOADING_INTERVAL_S = 5.0  # clients wait 15 s for a word of us: one that is late does no harm

_OVER = "this session has lasted the {minutes:g} minutes that it may: connect again to go on"
_IDLE = (
    "no audio for {seconds:g} s: send silence as it is, or end the session and connect again when "
    "there is something to hear"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """What an operator allows sessions. None: no limit."""

    max_session_s: float | None = None
    """From its start to the end of its audio."""
    idle_timeout_s: float | None = None
    """Without audio, where it is sent; silence is audio."""
    loading_interval_s: float = LOADING_INTERVAL_S
    """How often a client is told that its model is being loaded."""

    @property
    def of_pulled(self) -> SessionTimes:
        """The same where the audio is pulled: a source has patience of its own."""
        return replace(self, idle_timeout_s=None)

    @classmethod
    def of_settings(cls, max_session_ms: int | None, idle_timeout_ms: int | None) -> SessionTimes:
        """Return what these milliseconds say."""
        return cls(
            max_session_s=None if max_session_ms is None else max_session_ms / 1000,
            idle_timeout_s=None if idle_timeout_ms is None else idle_timeout_ms / 1000,
        )


USUAL_TIMES: Final = SessionTimes()
"""Those of a server that was told nothing else."""


class SessionClock:
    """The times of one session, in seconds on the clock of its caller.

    `began_at`, if not now: a session that is resumed has lasted since then.
    """

    def __init__(self, times: SessionTimes, *, now: float, began_at: float | None = None) -> None:
        self._times = times
        self._started_at = now if began_at is None else began_at
        self._heard_at = now
        self._held_at: float | None = None  # since when no audio is taken, while that is so

    @property
    def over_at(self) -> float | None:
        """When the session has to end whatever is waited for; None for never."""
        longest_s = self._times.max_session_s
        return None if longest_s is None else self._started_at + longest_s

    @property
    def ends_at(self) -> float | None:
        """When `fault` is to be asked for again; None for never."""
        return min((at for at in (self.over_at, self._idle_at) if at is not None), default=None)

    @property
    def _idle_at(self) -> float | None:
        idle_s = self._times.idle_timeout_s
        return None if idle_s is None or self._held_at is not None else self._heard_at + idle_s

    def receive_audio(self, now: float) -> None:
        """Take note that audio came."""
        self._heard_at = now

    def begin_anew(self, now: float) -> None:
        """Take note that the client has had nothing to send audio for until now."""
        self._heard_at = now

    def hold(self, now: float) -> None:
        """Take note that no audio is taken: it is not the client that sends none."""
        if self._held_at is None:
            self._held_at = now

    def go_on(self, now: float) -> None:
        """Take note that audio is taken again."""
        if self._held_at is not None:
            self._heard_at = min(now, self._heard_at + now - self._held_at)
            self._held_at = None

    def fault(self, now: float) -> ClientFault | None:
        """Return why the session has to end; None while it need not."""
        if self.over_at is not None and now >= self.over_at:
            return ClientFault(_OVER.format(minutes=(self._times.max_session_s or 0) / 60))
        if self._idle_at is not None and now >= self._idle_at:
            return ClientFault(_IDLE.format(seconds=self._times.idle_timeout_s))
        return None
