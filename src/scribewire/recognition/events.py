"""What a recognizer has to say: the transcript of one stream, in order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """The text of the open utterance as heard so far; replaces its previous partial."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    text: str
    """Never empty."""
    end_sample: int
    """Where in the stream the audio behind this text ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The text of an ended utterance; never changes."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    text: str
    """Empty only when a partial of the utterance was shown and proved to be a mistake."""
    end_sample: int
    """Where in the stream the audio behind this text ends."""


Event = Partial | Final
