from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.loader import load_engines, load_speech_engine
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.catalog import MODELS
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_the_default_engines_load_and_close() -> None:
    engines = load_engines()

    assert engines.speech.languages == {"en"}
    engines.close()
    engines.close()
    with pytest.raises(ServerFault):
        engines.vad.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), None))


@pytest.mark.slow
def test_the_engines_load_from_a_directory_of_the_users_own(tmp_path: Path) -> None:
    for model in MODELS:
        for file in model.files:
            shutil.copy(find_model(file), tmp_path)

    load_engines(tmp_path).close()


def test_an_empty_directory_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"silero_vad\.onnx: no such file"):
        load_engines(tmp_path)


@pytest.mark.parametrize("name", ["whisper-large", "silero-vad"])
def test_an_unknown_speech_model_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(ModelFault, match=f"speech model {name}: expected one of moonshine-tiny-en"):
        load_speech_engine(name)
