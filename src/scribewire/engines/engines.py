"""Everything that a server needs to recognize speech, and which of it a session gets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.engines.languages import LanguageTable
from scribewire.engines.protocols import BatchingEngine, StreamingEngine
from scribewire.recognition.requests import DecodeRequest, StreamRequest, TurnRequest, VadRequest

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices
    from scribewire.recognition.requests import Request, Result
    from scribewire.types import Mode


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine of each kind that every stream shares, and those that turn speech into text."""

    vad: VadEngine
    speech: tuple[SpeechEngine, ...]
    """In order of preference, at least one. Some may be loaded only when they are asked
    (on_demand.py)."""
    voices: Voices | None = None
    """None: finals say no speaker."""
    offered: tuple[str, ...] = ()
    """As in `LanguageTable`."""
    default: str | None = None
    """As in `LanguageTable`."""
    missing: tuple[str, ...] = ()
    """Of each speech model that is not installed, what to do."""

    @property
    def table(self) -> LanguageTable:
        """Which engine serves which language, in which mode."""
        return LanguageTable(self.speech, self.offered, self.default)

    @property
    def languages(self) -> frozenset[str]:
        """The languages that are served, in every mode."""
        return self.table.languages

    @property
    def default_language(self) -> str:
        """What those speak who name no language."""
        return self.table.default_language

    @property
    def auto_languages(self) -> frozenset[str]:
        """Of the languages that are served, those that can be told from each other."""
        return self.table.auto_languages

    def speech_for(
        self, language: str | None, mode: Mode, languages: tuple[str, ...] = ()
    ) -> SpeechEngine:
        """Return the engine of a session; see `LanguageTable.speech_for`. Raises ServerFault."""
        return self.table.speech_for(language, mode, languages)

    @property
    def why_away(self) -> str | None:
        """Why none of them can be asked at this moment; None: they can."""
        return None

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

    def time_answer(self, request: Request, speech: SpeechEngine) -> float:
        """Run a request as `answer` does, and return how many seconds that took who ran it."""
        began_at = time.perf_counter()
        self.answer(request, speech)
        return time.perf_counter() - began_at

    def batch_key(self, request: Request, speech: SpeechEngine) -> Hashable | None:
        """Return what requests have in common that may be one batch; None: it is run alone."""
        if not isinstance(request, DecodeRequest) or not isinstance(speech, BatchingEngine):
            return None
        key = speech.batch_key(request)
        return None if key is None else (speech, key)

    def answer_batch(self, requests: Sequence[Request], speech: SpeechEngine) -> Sequence[Result]:
        """Run requests of one `batch_key` as one call, or a single one of any kind."""
        if len(requests) == 1:
            return (self.answer(requests[0], speech),)
        assert isinstance(speech, BatchingEngine), "it has given no key"
        decodes = [request for request in requests if isinstance(request, DecodeRequest)]
        assert len(decodes) == len(requests), "only decodes have a key"
        return speech.decode_batch(decodes)

    def close(self) -> None:
        """Close every engine. Closing again does nothing."""
        for engine in self.speech:  # first: whoever loads one sees that, not others that are closed
            engine.close()
        self.vad.close()
        if self.voices is not None:
            self.voices.close()
