"""Engines whose models are in the engine process: asked like any other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from scribewire.engines.engines import Engines
from scribewire.engines.families import FAMILIES
from scribewire.engines.loader import choose_languages, find_models, load_vad
from scribewire.engines.on_demand import load_engine
from scribewire.engines.protocols import ModelPlace, Voices
from scribewire.engines.served import name_of
from scribewire.errors import ServerFault
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    StreamRequest,
    StreamResult,
    TurnRequest,
    TurnResult,
    VadRequest,
)
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.runtime.shared_engine.offer import describe_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.engines.protocols import Family, SpeechEngine
    from scribewire.models.cache import ModelCache
    from scribewire.models.catalog import Model
    from scribewire.recognition.requests import Request
    from scribewire.recognition.traits import Traits
    from scribewire.settings import Settings

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEngines(Engines):
    """Engines over a link; where speech is, is measured here."""

    link: EngineLink

    @property
    def why_away(self) -> str | None:
        """Why the engine process cannot be asked at this moment; None: it can."""
        return self.link.why_down

    def time_answer(self, request: Request, speech: SpeechEngine) -> float:
        """As that of all engines, without the wait for others in the engine process."""
        if isinstance(request, VadRequest):
            return Engines.time_answer(self, request, speech)
        load_engine(speech)
        answer = self.link.ask_whole(name_of(speech), request)
        if isinstance(answer.outcome, Exception):
            raise answer.outcome
        assert answer.busy_s is not None, "a result comes with it"
        return answer.busy_s

    def close(self) -> None:
        """Close every engine, and leave the engine process."""
        Engines.close(self)
        self.link.close()


def shared_engines(
    settings: Settings,
    cache: ModelCache,
    link: EngineLink,
    families: Sequence[Family] = FAMILIES,
) -> SharedEngines:
    """Find the models as an operator wants them, and where they are: in the engine process.

    Raises ModelFault as `configured_engines` does, and ServerFault where the engine process is not
    there, or has other models.
    """
    if settings.speaker_model is not None:
        raise ServerFault("--speaker-model with --engine-socket: give it to `scribewire engine`")
    place = ModelPlace(cache=cache, model_dir=settings.model_dir, device="auto")
    shared = [_shared_family(family, link) for family in families]
    models = find_models(place, shared, settings.model_folders)
    table = choose_languages(models, settings)
    link.connect(describe_models(table.serving))
    voices = SharedVoices(link)
    return SharedEngines(
        vad=load_vad(place),
        speech=table.speech,
        voices=None if link.offer.voices is None else Voices(voices, voices),
        offered=table.offered,
        default=table.default,
        missing=tuple(models.missing.values()),
        link=link,
    )


def _shared_family(family: Family, link: EngineLink) -> Family:
    def traits(model: Model, _device: object) -> Traits:
        return replace(family.traits(model, "cpu"), device=None)  # the engine process decides

    def load(model: Model, _place: ModelPlace) -> SharedSpeech:
        device = link.load(model.name)
        assert model.fitted is not None, "each entry says what was fitted for it"
        return SharedSpeech(
            link,
            model.name,
            traits=replace(traits(model, None), device=device),
            calibration=read_fitted(model.fitted, "calibration", Calibration),
        )

    return replace(family, traits=traits, load=load, why_no_gpu=None)


class SharedSpeech:
    """A `SpeechEngine` of the engine process. Each call waits for its answer.

    It decodes streams too, if its traits say so.
    """

    def __init__(
        self, link: EngineLink, name: str, *, traits: Traits, calibration: Calibration
    ) -> None:
        self._link = link
        self._name = name
        self.traits = traits
        self.calibration = calibration

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """As the engine does."""
        return _ask(self._link, self._name, request, DecodeResult)

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        """As the engine does."""
        return _ask(self._link, self._name, request, StreamResult)

    def close(self) -> None:
        """Leave the model where it is: others use it."""


class SharedVoices:
    """An `EmbeddingEngine` and a `TurnEngine` of the engine process."""

    def __init__(self, link: EngineLink) -> None:
        self._link = link

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """As the engine does."""
        return _ask(self._link, "", request, EmbeddingResult)

    def find_turns(self, request: TurnRequest) -> TurnResult:
        """As the engine does."""
        return _ask(self._link, "", request, TurnResult)

    def close(self) -> None:
        """Leave the models where they are."""


def _ask(link: EngineLink, name: str, request: Request, kind: type[_Result]) -> _Result:
    outcome = link.ask(name, request)
    if isinstance(outcome, Exception):
        raise outcome
    assert isinstance(outcome, kind), "each request has its kind of result"
    return outcome
