"""Digits in what is said, for who has asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.events import Final, SpeechStarted
from scribewire.formatting.numbers import write_numbers_in_event

if TYPE_CHECKING:
    from scribewire.events import TranscriptEvent
    from scribewire.wishes import Wishes


def write_as_wished(event: TranscriptEvent, wishes: Wishes) -> TranscriptEvent:
    """Return the event with its numbers as they were asked for.

    They stay words where nobody knows the language: while it is being found out, in partials and
    in finals that do not say it.
    """
    if not wishes.digits or isinstance(event, SpeechStarted):
        return event
    heard = event.language if isinstance(event, Final) else None
    language = heard or wishes.locked_language
    return event if language is None else write_numbers_in_event(event, language)
