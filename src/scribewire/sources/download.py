"""What is known of a finite resource while its bytes come, over as many connections as it takes.

Theory of operation. When the body breaks off, stalls or is reset, the rest is asked for from the
byte that was handed over last. A connection that brought enough earns the next one at once, since
many servers hang up on whoever reads as slowly as audio is recognized. One that brought little has
to wait, longer each time, so that a server that hangs up after each byte is asked a bounded number
of times. Each answer must be about the same resource as the first one: no byte of another is ever
handed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.retry import Backoff

if TYPE_CHECKING:
    from scribewire.sources.rules import PullRules
    from scribewire.sources.steps import Connected

ENOUGH_BYTES = 64 * 1024  # 4 s at 128 kbit/s; what servers send at once

_RANGE_NOT_SATISFIABLE: Final = 416


class Download:
    """One finite resource, whose first answer is `first`."""

    def __init__(self, first: Connected, rules: PullRules) -> None:
        assert first.length is not None, "what has no length cannot be resumed"
        self._first = first
        self.length = first.length
        self.received = 0
        """Bytes handed over; the rest is asked for from there."""
        self._known = 0  # bytes of the present answer that came before
        self._unrewarded = 0  # of what was handed over, what has not yet earned a connection
        self._backoff = Backoff(rules.retry, rules.random)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to ask for."""
        return self.received == self.length

    def take(self, data: bytes) -> bytes:
        """Return what is new in the next bytes of an answer."""
        fresh = data[self._known : self._known + self.length - self.received]
        self._known = max(self._known - len(data), 0)
        self.received += len(fresh)
        self._unrewarded += len(fresh)
        return fresh

    def resume(self, answer: Connected) -> SourceFault | None:
        """Go on with another answer; return why that cannot be, if so."""
        for name, before in self._first.validators.items():
            now = answer.validators.get(name)
            if before and now and _opaque(before) != _opaque(now):
                return _changed()
        if answer.length is None:
            return invalid_stream("the download broke off, and the server cannot resume it")
        if answer.length != self.length:
            return _changed()
        if answer.start > self.received:
            return invalid_stream("the download broke off, and the server leaves out a part of it")
        self._known = self.received - answer.start
        return None

    def wait_s(self, fault: SourceFault, now: float) -> float | SourceFault:
        """Return in how many seconds to ask for the rest, or why not.

        `fault` is what broke the last connection off. A file that was there and is said to be gone,
        or to need a password, has a definite answer: it was taken away, or its signed URL has
        expired. Waiting would only put off saying so.
        """
        if not fault.is_transient:
            return _changed() if fault.status == _RANGE_NOT_SATISFIABLE else fault
        if self._unrewarded >= ENOUGH_BYTES:
            self._unrewarded = 0
            self._backoff.note_audio()
            return 0.0
        wait_s = self._backoff.next_wait_s(now)
        return fault.given_up() if wait_s is None else wait_s


def _opaque(validator: str) -> str:
    """Drop the mark of a weak one: a server may set it on one kind of answer only."""
    return validator.removeprefix("W/")


def _changed() -> SourceFault:
    return invalid_stream("the file changed while it was being read")
