"""The real engines, loaded once, and the real recordings that come with the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.audio.local_decoder import read_audio
from scribewire.engines.moonshine.engine import MoonshineEngine
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from scribewire.models.store import find_model

if TYPE_CHECKING:
    from scribewire.types import Samples


@pytest.fixture(scope="session")
def moonshine() -> Iterator[MoonshineEngine]:
    engine = MoonshineEngine.load(TINY_EN)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def silero() -> Iterator[SileroVad]:
    engine = SileroVad.load(SILERO_VAD)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def read_recording() -> Callable[[str], Samples]:
    """Read one of the recordings beside the model, by its name."""
    folder = find_model(TINY_EN.file("tokenizer.bin")).parents[1]

    def read(name: str) -> Samples:
        return np.concatenate(list(read_audio(folder / name)))

    return read
