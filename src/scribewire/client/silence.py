"""Whether a server that is sent audio has fallen silent, as when the network is gone unnoticed.

Theory of operation. A server answers audio that comes a second or more after its last answer. So
audio that is sent well after anything was heard has to be answered, and nothing else: a client
that sends little, or that is slowed down and so sends nothing, waits for no answer.
"""

from __future__ import annotations

_ANSWERED_SHARE = 0.2  # 2 of 10 s: twice what the protocol says, for what is under way


class SilenceWatch:
    """What was heard and sent last on one connection."""

    def __init__(self, *, silence_s: float, now: float) -> None:
        self._silence_s = silence_s
        self._heard_at = now
        self._looked_at = now  # for who has sent meanwhile
        self._asked_at: float | None = None  # when audio was sent that has to be answered

    @property
    def look_at(self) -> float:
        """When to ask `is_over`; who sends does not wake who looks, so it is now and then."""
        if self._asked_at is None:
            return self._looked_at + self._silence_s * _ANSWERED_SHARE
        return self._asked_at + self._silence_s

    def is_over(self, now: float) -> bool:
        """Tell whether the connection is to be taken for lost."""
        self._looked_at = now
        return self._asked_at is not None and now >= self._asked_at + self._silence_s

    def note_heard(self, now: float) -> None:
        """Take note that anything has come."""
        self._heard_at = self._looked_at = now
        self._asked_at = None

    def note_sent(self, now: float) -> None:
        """Take note that audio goes out."""
        if self._asked_at is None and now >= self._heard_at + self._silence_s * _ANSWERED_SHARE:
            self._asked_at = now
