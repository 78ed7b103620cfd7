"""Which language a stream speaks, where it may be one of several.

Theory of operation. The engine hears which language it is, on the audio of each request; here is
decided among which ones it may choose, and what it should expect. The first utterance chooses
freely. If it holds little speech, it is a guess, and the next one chooses freely again; else the
stream has a language, and an utterance with enough speech leaves it on strong evidence only, one
with little not at all. Everything follows from finals in the order of the stream, so the same
audio gives the same decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scribewire.types import SAMPLE_RATE

ENOUGH_S: Final = 3.0
"""Of speech, to tell a language: 9 of 10 clips are told right from it by a small model, half of
them from 1.5 s."""
ENOUGH_SAMPLES: Final = round(ENOUGH_S * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """What a request says of the language."""

    languages: tuple[str, ...]
    """Those that may be spoken; one is what is written."""
    expected: str | None = None
    """Of several, the one that was spoken before."""


class SpokenLanguage:
    """The language of one stream, as its finals have told it. Of one language it is that."""

    def __init__(
        self, languages: tuple[str, ...], spoken: str | None = None, *, is_sure: bool = False
    ) -> None:
        self._languages = languages
        self._spoken = spoken
        self._is_sure = is_sure or len(languages) == 1

    @property
    def spoken(self) -> str | None:
        """The one that the last final was in; None: none was told, or there is one alone."""
        return self._spoken

    @property
    def is_sure(self) -> bool:
        """Whether enough was heard to tell which language is spoken."""
        return self._is_sure

    @property
    def locked(self) -> str | None:
        """The only language that may be spoken; None if there are several."""
        return self._languages[0] if len(self._languages) == 1 else None

    def choice(self, speech_s: float) -> LanguageChoice:
        """Return what an utterance with so many seconds of speech may be in."""
        if len(self._languages) == 1 or self._spoken is None or not self._is_sure:
            return LanguageChoice(self._languages)
        if speech_s < ENOUGH_S:
            return LanguageChoice((self._spoken,))
        return LanguageChoice(self._languages, self._spoken)

    def hear(self, language: str | None, speech_s: float) -> None:
        """Take note of the language of a final that was believed; None: nobody could tell."""
        if len(self._languages) == 1 or language is None:
            return
        self._spoken = language
        self._is_sure = self._is_sure or speech_s >= ENOUGH_S
