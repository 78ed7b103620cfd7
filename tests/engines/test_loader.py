from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.families import MODELS
from scribewire.engines.loader import WARM_UP_SAMPLES, load_engines, load_voices
from scribewire.engines.protocols import Family
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.catalog import Model
from scribewire.models.compiled import COMPILED_MODELS, compiled_model
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing.scripted import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path


def _copy_models(folder: Path) -> None:
    for model in MODELS:
        for file in model.files:
            (folder / file.name).parent.mkdir(exist_ok=True)
            shutil.copy(find_model(file), folder / file.name)


@pytest.mark.slow
def test_the_default_engines_load_and_close() -> None:
    engines = load_engines()

    assert engines.speech[0].traits.languages == {"en"}
    assert engines.voices is not None
    engines.close()
    engines.close()
    with pytest.raises(ServerFault):
        engines.vad.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), None))


@pytest.mark.slow
def test_the_engines_load_from_a_directory_of_the_users_own(tmp_path: Path) -> None:
    _copy_models(tmp_path)

    for compiled in COMPILED_MODELS:
        with compiled_model(compiled) as path:
            shutil.copy(path, tmp_path)

    engines = load_engines(tmp_path)

    assert engines.voices is not None
    engines.close()


@pytest.mark.slow
def test_without_the_models_for_speakers_it_warns_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _copy_models(tmp_path)

    engines = load_engines(tmp_path)

    assert engines.voices is None
    assert "finals will name no speakers" in caplog.text
    assert "speaker_turns.ort" in caplog.text
    engines.close()


@pytest.mark.slow
def test_every_model_of_every_family_is_loaded_and_warmed_up_as_its_traits_allow() -> None:
    english, dutch = ScriptedEngine(), ScriptedEngine()
    dutch.traits = replace(dutch.traits, min_window_samples=16_000, gives_times=False)
    families = [_family("letters-en", english), _family("letters-nl", dutch)]

    engines = load_engines(families=families)

    assert engines.speech == (english, dutch)
    asked = [(one.samples.size, one.wants_times) for one in english.requests + dutch.requests]
    assert asked == [(WARM_UP_SAMPLES, True), (16_000, False)]
    engines.close()


def _family(name: str, engine: ScriptedEngine) -> Family:
    model = Model(name=name, languages=engine.traits.languages, licence="MIT", files=())
    return Family(models=(model,), load=lambda _model, _model_dir, _cache: engine)


def test_a_speaker_model_that_was_asked_for_must_load(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(b"no model")

    with pytest.raises(ModelFault, match=r"own\.onnx: onnxruntime cannot load it"):
        load_voices(speaker_model=tmp_path / "own.onnx")


def test_an_empty_directory_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"silero_vad\.onnx: no such file"):
        load_engines(tmp_path)
