"""Text that nobody said, at the end of what Whisper found in a short window.

Theory of operation. Whisper was trained on windows of 30 s. In a shorter one it may go on when the
speech is over: it says the same once more, word for word and quite sure of itself, until it is
stopped. Its cross attention then has nothing left to look at, so the alignment crowds all of those
tokens into the last moments of the audio, more a second than anybody can say. That tells a copy
from what is really said twice. A tail that copies nothing must be crowded much more: an alignment
that is late, and speech that the end of the audio cut off, look alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_COPIED = 3  # tokens; fewer may well share the last moment: "uh", and a full stop
MIN_CROWDED = 8  # the same where nothing is copied
UNCOPIED_FACTOR = 2.5  # how many times as crowded it must be then
_LEAST_S = 0.01


def heard_count(
    texts: Sequence[str], starts_s: Sequence[float], end_s: float, *, max_tokens_per_s: float
) -> int:
    """Return how many of the tokens were heard: all, or those before a tail that nobody said.

    `texts` are the tokens as they are spelled, `starts_s` where each is heard, `end_s` where the
    audio ends.
    """
    if _crowded_from(starts_s, end_s, max_tokens_per_s, MIN_COPIED) is None:
        return len(texts)
    copied = _copied_from(["".join(c for c in text.casefold() if c.isalnum()) for text in texts])
    if copied is not None:
        return copied
    most = UNCOPIED_FACTOR * max_tokens_per_s
    crowded = _crowded_from(starts_s, end_s, most, MIN_CROWDED)
    return len(texts) if crowded is None else crowded


def _crowded_from(
    starts_s: Sequence[float], end_s: float, max_tokens_per_s: float, min_tokens: int
) -> int | None:
    """Return the first token from which on more follow than can be said in the time left."""
    for place in range(len(starts_s) - min_tokens + 1):
        left_s = max(end_s - starts_s[place], _LEAST_S)
        if (len(starts_s) - place) / left_s > max_tokens_per_s:
            return place
    return None


def _copied_from(letters: Sequence[str]) -> int | None:
    """Return where everything that follows repeats what stands right before, whole or begun."""
    for place in range(1, len(letters)):
        if not letters[place]:
            continue
        for period in range(1, place + 1):
            is_long = len(letters) - place >= min(period, MIN_COPIED)
            if is_long and all(
                letters[n] == letters[n - period] for n in range(place, len(letters))
            ):
                return place
    return None
