"""What was said just before, for what is said now.

A piece of speech that is decoded alone loses what the sentence before it told. So a final is
decoded together with the audio of the pieces before it, and their text, which is already known,
is forced as the beginning of the decoder's output; or the text alone goes before it as a prompt,
if the engine takes one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class LeadIn:
    """Where a decode begins so that it has its context, and what it knows of it."""

    start: int
    """Position in the stream of the first sample to decode."""
    prefix: tuple[int, ...]
    """Tokens of everything between `start` and the piece itself."""


class Context:
    """The pieces that the next one may be decoded with, at most `max_samples` in all."""

    def __init__(self, max_samples: int, pieces: Iterable[LeadIn] = ()) -> None:
        self._max_samples = max_samples
        self._pieces = deque(pieces)  # the latest finals, oldest first

    @property
    def pieces(self) -> tuple[LeadIn, ...]:
        """All of them, for another one to go on from."""
        return tuple(self._pieces)

    def remember(self, start: int, tokens: tuple[int, ...]) -> None:
        """Take note of a final whose audio begins at `start`. One without text ends the chain."""
        if not tokens:
            self._pieces.clear()
        elif self._max_samples:
            self._pieces.append(LeadIn(start, tokens))
        while self._pieces and start - self._pieces[0].start > self._max_samples:
            self._pieces.popleft()  # whatever comes ends later

    def lead_in(self, start: int, end: int) -> LeadIn:
        """Return how to decode the piece from `start` to `end` with as much context as fits.

        Nothing is forgotten: the same piece may yet turn out to end sooner.
        """
        fitting = self._fitting(end)
        if not fitting:
            return LeadIn(start, ())
        prefix = tuple(token for piece in fitting for token in piece.prefix)
        return LeadIn(fitting[0].start, prefix)

    def start(self, position: int) -> int:
        """Return the first sample that a piece ending at `position` or later might still need."""
        fitting = self._fitting(position)
        return fitting[0].start if fitting else position

    def _fitting(self, end: int) -> list[LeadIn]:
        return [piece for piece in self._pieces if end - piece.start <= self._max_samples]


class SaidBefore:
    """The latest text of one language, at most `max_tokens` of it, as a prompt."""

    def __init__(
        self, max_tokens: int, tokens: Iterable[int] = (), language: str | None = None
    ) -> None:
        self._tokens = deque(tokens, maxlen=max_tokens)
        self._language = language

    @property
    def tokens(self) -> tuple[int, ...]:
        """The text, for another one to go on from."""
        return tuple(self._tokens)

    @property
    def language(self) -> str | None:
        """The one that it is in; None: nobody knows."""
        return self._language

    def remember(self, tokens: tuple[int, ...], language: str | None) -> None:
        """Take note of a final. One without text, or in another language, is a new beginning.

        `language` is the one it is surely written in; None: nobody knows, and it leads nothing.
        """
        if not tokens or language != self._language:
            self._tokens.clear()
        self._language = language
        self._tokens.extend(tokens)

    def prompt(self, languages: tuple[str, ...]) -> tuple[int, ...]:
        """Return what goes before speech in the language; nothing where it may be one of several.

        A prompt in another language would draw the text into it.
        """
        return tuple(self._tokens) if languages == (self._language,) else ()
