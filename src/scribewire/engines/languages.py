"""Which engine serves which language, in which mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from scribewire.errors import ServerFault
from scribewire.types import Mode
from scribewire.wishes import AUTO

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine

_MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class LanguageTable:
    """The engines that there are, and what of them is offered."""

    speech: tuple[SpeechEngine, ...]
    """In order of preference."""
    offered: tuple[str, ...] = ()
    """The languages that are served; none: all that can be."""
    default: str | None = None
    """What those speak who name no language; None: it follows from the others."""

    @property
    def languages(self) -> frozenset[str]:
        """The languages that are served, in every mode."""
        known = frozenset[str]().union(*(engine.traits.languages for engine in self.speech))
        return frozenset(
            language
            for language in known.intersection(self.offered or known)
            if all(self._find(language, mode) for mode in _MODES)
        )

    @property
    def default_language(self) -> str:
        """What those speak who name no language.

        Unless it was chosen: English if it is served, else the first that was offered, else one
        of the preferred engine, the first by its code.
        """
        known = self.languages
        if self.default is not None:
            return self.default
        if "en" in known:
            return "en"
        offered = [language for language in self.offered if language in known]
        return offered[0] if offered else min(known & self.speech[0].traits.languages or known)

    @property
    def default_engines(self) -> tuple[SpeechEngine, ...]:
        """Who serves the default language: one engine, or one for each mode."""
        return tuple(dict.fromkeys(self.speech_for(None, mode) for mode in _MODES))

    @property
    def serving(self) -> tuple[SpeechEngine, ...]:
        """Every engine that serves a language, or finds out which one is spoken."""
        found = [self.speech_for(one, mode) for one in sorted(self.languages) for mode in _MODES]
        if self.auto_languages:
            found += [self.speech_for(AUTO, mode) for mode in _MODES]
        return tuple(engine for engine in self.speech if engine in found)

    @property
    def auto_languages(self) -> frozenset[str]:
        """Those of `languages` that one engine tells from each other, in every mode.

        They are several or none. Where several engines do it is the one that knows most.
        """
        tellers = [engine for engine in self.speech if engine.traits.tells_language]
        told = [one.traits.languages & self.languages for one in tellers if _serves(one, *_MODES)]
        return max((some for some in told if len(some) > 1), key=len, default=frozenset())

    def speech_for(
        self, language: str | None, mode: Mode, languages: tuple[str, ...] = ()
    ) -> SpeechEngine:
        """Return the first engine that understands the language and is calibrated for the mode.

        For `AUTO` it is the first that tells these languages from each other, by default all that
        can be told. An engine that shall serve one mode alone has no numbers for the other. None is
        the default language. Raises ServerFault where there is none: who offers `languages` and
        `auto_languages` gets here with nothing else.
        """
        language = language or self.default_language
        is_auto = language == AUTO
        wanted = languages or tuple(self.auto_languages)
        engine = self._find_teller(wanted, mode) if is_auto else self._find(language, mode)
        if engine is None:
            asked = " ".join([language, *languages])
            offered = ", ".join(sorted(self.auto_languages if is_auto else self.languages))
            raise ServerFault(
                f"no engine for language {asked} in mode {mode}: expected one of {offered}"
            )
        return engine

    def _find(self, language: str, mode: Mode) -> SpeechEngine | None:
        for engine in self.speech:
            if language in engine.traits.languages and _serves(engine, mode):
                return engine
        return None

    def _find_teller(self, languages: tuple[str, ...], mode: Mode) -> SpeechEngine | None:
        for engine in self.speech:
            tells = engine.traits.tells_language and engine.traits.languages.issuperset(languages)
            if tells and _serves(engine, mode):
                return engine
        return None


def _serves(engine: SpeechEngine, *modes: Mode) -> bool:
    return all(mode in engine.calibration.final_width for mode in modes)
