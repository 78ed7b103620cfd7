"""What is decoded for partials, and when: what the ways to do it have in common.

There are two. `window_partials.py` decodes windows of the open utterance, one afresh after the
other; `stream_partials.py` gives an engine with a state what is new. Nothing here shapes a final.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.recognition.requests import (
        DecodeRequest,
        Hypothesis,
        PartialAnswer,
        PartialRequest,
    )

EARLY_SAMPLES = SAMPLE_RATE  # noise never shows anything: no decode every 0.1 s for all of it
AWAITED_SAMPLES = 3 * SAMPLE_RATE  # what shows nothing for so long is noise, and can wait


class PartialStrategy(Protocol):
    """When partials of one stream are decoded, and from what. Positions are in the stream.

    `judged` is up to where is decided what is speech, and `has_shown` tells whether a partial of
    the open utterance has been shown.
    """

    def begin(self, utterance: int, start: int, speech_start: int) -> None:
        """Say that an utterance has begun: its number, where its audio does and its speech."""

    def due_at(self, judged: int, *, has_shown: bool) -> int | None:
        """Return from which sample on a partial may be asked for; None: not before an answer."""

    def next_request(self, judged: int, *, has_shown: bool) -> PartialRequest | None:
        """Return the next request for the open utterance, if one is due at sample `judged`."""

    def receive_result(self, request: PartialRequest, result: PartialAnswer) -> Hypothesis | None:
        """Take the answer to a request; return all that the open utterance says.

        None when it was dropped, or comes too late to be of use.
        """

    def receive_pause(self, request: DecodeRequest, found: Hypothesis) -> None:
        """Take what the decode of a pause of the open utterance found, in case that it was none."""
