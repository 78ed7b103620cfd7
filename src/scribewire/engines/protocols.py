"""What an engine must offer. `scribewire.testing.check_engine` tells whether one does.

Engines hold no state of any stream: what must be remembered travels in requests and results, as
bytes, so one engine serves every stream, on whichever machine. Calls may come from several threads
at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

    from scribewire.models.cache import ModelCache
    from scribewire.models.catalog import Model
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
        VadResult,
    )
    from scribewire.recognition.traits import Traits
    from scribewire.types import DeviceWish


Device: TypeAlias = Literal["cpu", "cuda"]
"""What a model runs on."""


class VadEngine(Protocol):
    """Measures how much each frame sounds like speech."""

    def measure(self, request: VadRequest) -> VadResult:
        """Return one probability for each frame and the state for the stream's next request.

        Not-a-number and infinite samples count as silence. Raises ServerFault once closed.
        """

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""


class SpeechEngine(Protocol):
    """Turns speech into text. It can be hashed: load and costs are kept for each engine."""

    @property
    def traits(self) -> Traits:
        """What may be asked of it."""

    @property
    def calibration(self) -> Calibration:
        """The numbers that were fitted for its model."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the hypothesis for the request's samples; the same samples, the same text.

        Any length is taken, none included; not-a-number and infinite samples count as
        silence. A draft may be checked or left alone; with one, the text may be another where two
        are as likely. Raises ServerFault once closed.
        """

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""


@runtime_checkable
class StreamingEngine(SpeechEngine, Protocol):
    """Turns speech into text piece by piece too, for partials: its traits say `is_streaming`."""

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        """Return all that the utterance says up to the end of the request, and the new state.

        The same samples give the same text, however they are cut into requests, but for what it
        waits for more to tell. Raises ServerFault once closed.
        """


@runtime_checkable
class BatchingEngine(SpeechEngine, Protocol):
    """Decodes several requests in one call, in less time than one after the other."""

    def batch_key(self, request: DecodeRequest) -> Hashable | None:
        """Return what those have in common that one call may decode; None: it is decoded alone.

        Quick, and without the model: it is asked for each request. What is required has no key
        where the company could change a byte of the answer.
        """

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> Sequence[DecodeResult]:
        """Return the answers to requests of one key, in their order, as `decode` gives them.

        Raises ServerFault once closed.
        """


class EmbeddingEngine(Protocol):
    """Tells voices apart."""

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """Return where the voice lies; the same samples, the same vector.

        Any length is taken; too little speech to tell gives the zero vector. Not-a-number and
        infinite samples count as silence. Raises ServerFault once closed.
        """

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""


class TurnEngine(Protocol):
    """Finds where one voice hands over to another."""

    def find_turns(self, request: TurnRequest) -> TurnResult:
        """Return the stretches of single voices; the same samples, the same turns.

        Any length up to MAX_TURN_SAMPLES is taken, none included; not-a-number and infinite
        samples count as silence. Raises ServerFault once closed.
        """

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""


@dataclass(frozen=True, slots=True)
class Voices:
    """What it takes to say who speaks."""

    embedding: EmbeddingEngine
    turns: TurnEngine

    def close(self) -> None:
        """Close both. Closing again does nothing."""
        self.embedding.close()
        self.turns.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """Where speech models come from, and what they run on."""

    cache: ModelCache
    """Keeps what is prepared of their files."""
    model_dir: Path | None = None
    """Where the files are; None: where they were installed."""
    device: DeviceWish = "cpu"
    """Those that can run on it do; `auto`: on a GPU that can be used."""
    threads: int = 1
    """How many calls an engine shall run side by side; more may wait for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that one kind of speech engine runs."""

    models: tuple[Model, ...]
    traits: Callable[[Model, DeviceWish], Traits]
    """What an engine of the model can do, told without loading anything. Where it will run is left
    open if only its load decides that."""
    load: Callable[[Model, ModelPlace], SpeechEngine]
    """Finds, verifies and loads one of them. Raises ModelFault."""
    why_missing: Callable[[Model, Path | None], str | None]
    """What of a model is not installed, and what to do; None: it can be loaded, if it is intact.
    The path is where its files are, if not where they were installed. Reads no large file."""
    check: Callable[[Model, ModelPlace], Path]
    """Reads all files of one of them, compares them, and returns where they are. Raises ModelFault.
    """
    own_model: Callable[[Path, frozenset[str]], Model] | None = None
    """An entry for a folder of the user's own, which is to serve these languages. Raises ModelFault
    for one that does not hold a model of the family. None: it takes none."""
    why_no_gpu: Callable[[], str | None] | None = None
    """What stands in the way of a GPU on this machine, with what to do, as far as it is known
    before a load. None: its models run on the processor, whatever is wished."""
