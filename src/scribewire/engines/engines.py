"""Everything that a server needs to recognize speech, and which of it a session gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from scribewire.engines.protocols import StreamingEngine
from scribewire.errors import ServerFault
from scribewire.recognition.requests import DecodeRequest, StreamRequest, TurnRequest, VadRequest
from scribewire.types import Mode
from scribewire.wishes import AUTO

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices
    from scribewire.recognition.requests import Request, Result

_MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine of each kind that every stream shares, and those that turn speech into text."""

    vad: VadEngine
    speech: tuple[SpeechEngine, ...]
    """In order of preference, at least one."""
    voices: Voices | None = None
    """None: finals say no speaker."""

    @property
    def languages(self) -> frozenset[str]:
        """The languages that are understood in every mode."""
        known = frozenset[str]().union(*(engine.traits.languages for engine in self.speech))
        return frozenset(
            language for language in known if all(self._find(language, mode) for mode in _MODES)
        )

    @property
    def default_language(self) -> str:
        """What those speak who name no language: one that is offered, of the preferred engine.

        English if it is among them, else the first by its code.
        """
        known = self.languages & self.speech[0].traits.languages or self.languages
        return "en" if "en" in known else min(known)

    @property
    def auto_languages(self) -> frozenset[str]:
        """Those of `languages` that one engine tells from each other, in every mode; may be none.

        Where several engines do it is the one that knows most.
        """
        tellers = [engine for engine in self.speech if engine.traits.tells_language]
        told = [one.traits.languages & self.languages for one in tellers if _serves(one, *_MODES)]
        return max(told, key=len, default=frozenset())

    def speech_for(
        self, language: str | None, mode: Mode, languages: tuple[str, ...] = ()
    ) -> SpeechEngine:
        """Return the first engine that understands the language and is calibrated for the mode.

        For `AUTO` it is the first that tells these languages from each other. An engine that shall
        serve one mode alone has no numbers for the other. None is the default language. Raises
        ServerFault where there is none: who offers `languages` and `auto_languages` gets here with
        nothing else.
        """
        language = language or self.default_language
        is_auto = language == AUTO
        engine = self._find_teller(languages, mode) if is_auto else self._find(language, mode)
        if engine is None:
            asked = " ".join([language, *languages])
            offered = ", ".join(sorted(self.auto_languages if is_auto else self.languages))
            raise ServerFault(
                f"no engine for language {asked} in mode {mode}: expected one of {offered}"
            )
        return engine

    def answer(self, request: Request, speech: SpeechEngine) -> Result:
        """Run a request on the engine that it is for; `speech` is the one of its stream."""
        if isinstance(request, VadRequest):
            return self.vad.measure(request)
        if isinstance(request, DecodeRequest):
            return speech.decode(request)
        if isinstance(request, StreamRequest):
            assert isinstance(speech, StreamingEngine), "its traits say that it decodes no stream"
            return speech.decode_stream(request)
        assert self.voices is not None, "speakers were asked for, and no engine tells them apart"
        if isinstance(request, TurnRequest):
            return self.voices.turns.find_turns(request)
        return self.voices.embedding.embed(request)

    def close(self) -> None:
        """Close every engine. Closing again does nothing."""
        self.vad.close()
        for engine in self.speech:
            engine.close()
        if self.voices is not None:
            self.voices.close()

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
