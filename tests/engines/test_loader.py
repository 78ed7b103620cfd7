from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.families import MODELS
from scribewire.engines.loader import find_speech, load_engines, load_voices
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.on_demand import is_resident
from scribewire.engines.protocols import Family, ModelPlace
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Model
from scribewire.models.compiled import COMPILED_MODELS, compiled_model
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine

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
    assert not any(is_resident(engine) for engine in engines.speech)
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


def _family(*names: str, missing: dict[str, str]) -> Family:
    return Family(
        models=tuple(
            Model(name=name, languages=frozenset({"en"}), licence="MIT", fitted=TINY_EN.fitted)
            for name in names
        ),
        traits=lambda _model, _device: SCRIPTED_TRAITS,
        load=lambda _model, _place: ScriptedEngine(),
        why_missing=lambda model, _model_dir: missing.get(model.name),
    )


def test_a_model_that_is_not_installed_is_not_served_and_the_log_says_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    missing = {"letters-nl": "letters-nl: not installed; pip install letters"}
    families = [_family("letters-nl", missing=missing), _family("letters", missing={})]

    speech = find_speech(ModelPlace(cache=ModelCache()), families)

    assert [(engine.model.name, engine.is_resident) for engine in speech] == [("letters", False)]
    assert "= not served: letters-nl: not installed; pip install letters" in caplog.messages


def test_without_any_speech_model_the_fault_says_what_to_do_for_each() -> None:
    missing = {name: f"{name}: not installed; pip install {name}" for name in ("one", "other")}

    with pytest.raises(ModelFault, match="pip install one; other: not installed; pip install ot"):
        find_speech(ModelPlace(cache=ModelCache()), [_family("one", "other", missing=missing)])


def test_a_speaker_model_that_was_asked_for_must_load(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(b"no model")

    with pytest.raises(ModelFault, match=r"own\.onnx: onnxruntime cannot load it"):
        load_voices(speaker_model=tmp_path / "own.onnx")


def test_an_empty_directory_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"silero_vad\.onnx: no such file"):
        load_engines(tmp_path)
