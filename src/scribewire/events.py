"""What is said in one stream, in order, whatever dialect tells it to a client.

A recognizer says it, a dialogue is fed with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from scribewire.types import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """An utterance has begun; what is said follows."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    start_sample: int
    """Where in the stream its speech begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """The text of the open utterance as decoded so far; replaces its previous partial."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    text: str
    """Never empty."""
    start_sample: int
    """Where in the stream the speech of the utterance begins."""
    end_sample: int
    """Where in the stream the audio behind this text ends."""
    stability: float | None = None
    """Probability that the final begins with this text, 0 to 1; None when not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The text of an ended utterance; never changes."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    text: str
    """Empty only when a partial of the utterance was shown and proved to be a mistake."""
    start_sample: int
    """Where in the stream the speech of the utterance begins."""
    end_sample: int
    """Where in the stream the audio behind this text ends."""
    decided_sample: int
    """Where in the stream it became clear that the utterance had ended."""
    words: tuple[Word, ...] | None = None
    """The words of `text` in order; None when the engine gave no times."""
    speaker: int | None = None
    """Whose voice it is, numbered from 1 by first appearance; None when undecided or not asked."""
    language: str | None = None
    """ISO 639-1 code of the language that was heard and is written; None where nobody checked."""


TranscriptEvent: TypeAlias = SpeechStarted | Partial | Final
