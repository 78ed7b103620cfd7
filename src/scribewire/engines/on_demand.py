"""A speech engine that is known before its model is loaded, and is loaded when it is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.device import choose_device
from scribewire.engines.protocols import BatchingEngine, StreamingEngine
from scribewire.errors import ServerFault
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.requests import DecodeRequest
from scribewire.types import ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    from scribewire.engines.protocols import Device, Family, ModelPlace, SpeechEngine
    from scribewire.models.catalog import Model
    from scribewire.recognition.requests import DecodeResult, StreamRequest, StreamResult

WARM_UP_SAMPLES = ms_to_samples(500)  # room for more than one token, so that every graph runs


class OnDemandEngine:
    """A `SpeechEngine` over one model of a family: sessions, load and costs are kept by it.

    What is asked of it loads the model if nobody has. Where several threads ask, somebody calls
    `load` before, and lets one thread do it.
    """

    def __init__(self, model: Model, family: Family, place: ModelPlace) -> None:
        """Read what was fitted for the model. Raises ModelFault."""
        assert model.fitted is not None, f"{model.name}: no entry says what was fitted for it"
        self.model = model
        self.traits = family.traits(model, place.device)
        self.calibration = read_fitted(model.fitted, "calibration", Calibration)
        self._family = family
        self._place = place
        self._engine: SpeechEngine | None = None  # once it is loaded
        self._is_closed = False

    @property
    def is_resident(self) -> bool:
        """Whether the model has been loaded."""
        return self._engine is not None

    @property
    def is_closed(self) -> bool:
        """Whether it answers no more, and what is still being loaded for it is given back."""
        return self._is_closed

    def load(self) -> SpeechEngine:
        """Find, verify, prepare, load and warm up the model, unless that has been done.

        Raises ModelFault, and may be called again then; ServerFault once closed.
        """
        if self._engine is None:
            self._check_open()
            engine = self._family.load(self.model, self._place)
            expected = replace(self.traits, device=self.traits.device or engine.traits.device)
            assert engine.traits == expected, f"{self.model.name}: its family says otherwise"
            _warm_up(engine)
            self.traits = engine.traits
            self._engine = engine
            if self._is_closed:  # meanwhile
                engine.close()
                self._check_open()
        return self._engine

    def choose_device(self) -> Device:
        """Return what its load tries first. Raises ModelFault for a GPU that cannot be had."""
        ask = self._family.why_no_gpu
        return "cpu" if ask is None else choose_device(self._place.device, ask)

    def check(self) -> Path:
        """Compare all files of the model, and return where they are. Raises ModelFault."""
        return self._family.check(self.model, self._place)

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """As the engine does."""
        return self.load().decode(request)

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        """As the engine does, if its traits say that it does."""
        engine = self.load()
        assert isinstance(engine, StreamingEngine), "its traits say that it decodes no stream"
        return engine.decode_stream(request)

    def batch_key(self, request: DecodeRequest) -> Hashable | None:
        """As the engine does, if it decodes in batches and is loaded; else None."""
        engine = self._engine
        return engine.batch_key(request) if isinstance(engine, BatchingEngine) else None

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> Sequence[DecodeResult]:
        """As the engine does, for requests that it has given a key."""
        engine = self.load()
        assert isinstance(engine, BatchingEngine), "it has given no key"
        return engine.decode_batch(requests)

    def close(self) -> None:
        """Give the model's memory back, at once or when it has been loaded."""
        self._is_closed = True
        if self._engine is not None:
            self._engine.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ServerFault(f"the engine of {self.model.name} is closed")


def load_engine(engine: SpeechEngine) -> None:
    """Load the model of an engine, if it has one that is not loaded yet; as `load` of that."""
    if isinstance(engine, OnDemandEngine):
        engine.load()


def is_resident(engine: SpeechEngine) -> bool:
    """Tell whether an engine can be asked without having to load a model first."""
    return not isinstance(engine, OnDemandEngine) or engine.is_resident


def may_batch(engine: SpeechEngine) -> bool:
    """Tell whether an engine decodes in batches, or may once it is loaded. Raises ModelFault."""
    if not isinstance(engine, OnDemandEngine):
        return isinstance(engine, BatchingEngine)
    return (engine.traits.device or engine.choose_device()) != "cpu"


def _warm_up(engine: SpeechEngine) -> None:
    """Decode once, so that the first client does not wait for pages to be read in."""
    size = max(engine.traits.min_window_samples, WARM_UP_SAMPLES)
    silence = np.zeros(size, np.float32)
    engine.decode(
        DecodeRequest(
            utterance=0,
            samples=silence,
            end_sample=silence.size,
            is_required=True,
            wants_times=engine.traits.gives_times,
        )
    )
