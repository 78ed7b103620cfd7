"""Which language is spoken, from what Whisper's language head says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageBounds:
    """From which probability on a language is believed, among those that it is checked against."""

    min_probability: float
    """That a final in a language is said to be in it."""
    min_switch_probability: float
    """That another one than the expected is spoken."""


@dataclass(frozen=True, slots=True)
class HeardLanguage:
    """What is to be written, and what is known about it."""

    written: str
    """The language that the text is decoded in."""
    checked: str | None
    """The same, if it is what was heard."""


def choose_language(
    probabilities: Mapping[str, float],
    languages: Sequence[str],
    expected: str | None,
    bounds: LanguageBounds,
) -> HeardLanguage:
    """Return the language to write, of those that may be spoken.

    `probabilities` are of all languages that are served or compared with, and add up to 1: so what
    is locked to one, or all that is served, is still checked against others.
    """
    best = max(languages, key=lambda code: (probabilities.get(code, 0.0), code))
    if expected in languages and probabilities.get(best, 0.0) < bounds.min_switch_probability:
        assert expected is not None
        best = expected
    is_heard = probabilities.get(best, 0.0) >= bounds.min_probability
    return HeardLanguage(best, best if is_heard else None)
