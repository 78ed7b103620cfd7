"""One connection of a session: its dialogue, and what is known of how it fares."""

from __future__ import annotations

from scribewire.client.dialogue import ClientDialogue
from scribewire.client.opening import Opening
from scribewire.client.silence import SilenceWatch


class SessionConnection:
    """A connection from the time it is there, or wanted, until after it has gone."""

    def __init__(self, opening: Opening, *, silence_s: float, now: float) -> None:
        self.dialogue = ClientDialogue(opening, now=now)
        """What was said over it."""
        self.silence = SilenceWatch(silence_s=silence_s, now=now)
        """When anything was."""
        self.is_listening = False
        """Whether audio may be sent: the server has said so."""
        self.is_broken = False
        """Whether nothing can be written any more."""
        self.is_given_up = False
        """Whether nothing more is expected to come."""
        self.has_said_stop = False
        """Whether it was told that there is no more audio."""

    @property
    def is_writable(self) -> bool:
        """Whether audio and `stop` can be sent."""
        return self.is_listening and not self.is_broken and self.dialogue.is_open

    @property
    def look_at(self) -> float:
        """When to call `give_up_if_late`, on the clock of `now`."""
        listening_at = self.dialogue.timer_at
        look_at = self.silence.look_at
        return look_at if listening_at is None else min(look_at, listening_at)

    def give_up_unless_over(self) -> None:
        """Give it up where audio follows; the rest of its finals it brings itself."""
        self.is_given_up |= self.is_listening and not self.has_said_stop

    def give_up_if_late(self, now: float) -> None:
        """Give it up if the server does not listen in time, or says nothing when it has to."""
        listening_at = self.dialogue.timer_at
        is_late = listening_at is not None and now >= listening_at
        if self.silence.is_over(now) or is_late:
            self.is_given_up = True
