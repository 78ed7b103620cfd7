from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scribewire.engines.families import MODELS
from scribewire.engines.languages import LanguageTable
from scribewire.engines.loader import (
    choose_languages,
    configured_engines,
    find_models,
    load_engines,
    load_voices,
)
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.on_demand import is_resident
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.engines.protocols import Family, ModelPlace
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Model
from scribewire.models.compiled import COMPILED_MODELS, compiled_model
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.settings import Settings
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine

PLACE = ModelPlace(cache=ModelCache())


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
        check=lambda _model, _place: Path(),
    )


def test_a_model_that_is_not_installed_is_not_served_and_what_to_do_is_told() -> None:
    missing = {"letters-nl": "letters-nl: not installed; pip install letters"}
    families = [_family("letters-nl", missing=missing), _family("letters", missing={})]

    models = find_models(PLACE, families)

    assert [(one.model.name, one.is_resident) for one in models.speech] == [("letters", False)]
    assert models.missing == missing


def test_without_any_speech_model_the_fault_says_what_to_do_for_each() -> None:
    missing = {name: f"{name}: not installed; pip install {name}" for name in ("one", "other")}

    with pytest.raises(ModelFault, match="pip install one; other: not installed; pip install ot"):
        find_models(PLACE, [_family("one", "other", missing=missing)])


def test_a_speaker_model_that_was_asked_for_must_load(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(b"no model")

    with pytest.raises(ModelFault, match=r"own\.onnx: onnxruntime cannot load it"):
        load_voices(speaker_model=tmp_path / "own.onnx")


def test_an_empty_directory_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"encoder_model\.ort: no such file"):
        load_engines(tmp_path)


def _folder_family(*languages: str) -> Family:
    """A family that takes folders, and serves these languages without one."""
    model = Model(
        name="letters", languages=frozenset(languages), licence="MIT", fitted=TINY_EN.fitted
    )

    def own_model(folder: Path, languages: frozenset[str]) -> Model:
        if not folder.is_dir():
            raise ModelFault(f"model {folder}: no such folder")
        return replace(model, name=folder.name, languages=languages, folder=folder)

    return Family(
        models=(model,),
        traits=lambda model, _device: replace(SCRIPTED_TRAITS, languages=model.languages),
        load=lambda _model, _place: ScriptedEngine(),
        why_missing=lambda _model, _model_dir: None,
        check=lambda _model, _place: Path(),
        own_model=own_model,
    )


def test_a_folder_serves_its_languages_before_what_is_installed(tmp_path: Path) -> None:
    dutch = frozenset({"nl"})

    models = find_models(PLACE, [_folder_family("en", "nl")], {tmp_path: dutch})

    table = LanguageTable(models.speech)
    chosen = {code: table.speech_for(code, "fast") for code in ("en", "nl")}
    assert chosen == {"nl": models.speech[0], "en": models.speech[1]}
    assert models.speech[0].model.folder == tmp_path


def test_a_folder_that_holds_no_model_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    settings = Settings(models=(f"nl={tmp_path / 'none'}",), model_dir=tmp_path)

    with pytest.raises(ModelFault, match="none: no such folder"):
        configured_engines(settings, ModelCache(), [_folder_family("en")])


def test_a_folder_that_no_family_takes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match="no kind of model is known here that a folder may hold"):
        find_models(PLACE, [_family("letters", missing={})], {tmp_path: frozenset({"nl"})})


@pytest.mark.parametrize(
    ("languages", "default", "words"),
    [
        ("en es fi", None, r"language es, fi: no model; there are some for en, nl; get it"),
        ("", "es", "default language es: not served; expected one of en, nl"),
        ("nl", "en", "default language en: not served; expected one of nl"),
    ],
)
def test_a_language_that_cannot_be_served_is_told_with_those_that_can(
    languages: str, default: str | None, words: str
) -> None:
    models = find_models(PLACE, [_folder_family("en", "nl")])
    settings = Settings(languages=tuple(languages.split()), default_language=default)

    with pytest.raises(ModelFault, match=f"^{words}$"):
        choose_languages(replace(models, missing={"letters": "get it"}), settings)


def test_of_the_languages_that_can_be_served_those_that_were_chosen_are() -> None:
    models = find_models(PLACE, [_folder_family("en", "nl", "de")])

    table = choose_languages(models, Settings(languages=("nl", "de")))

    assert table.languages == {"nl", "de"}
    assert table.default_language == "nl"


@pytest.mark.slow
def test_engines_are_as_the_settings_have_them() -> None:
    settings = Settings(languages=("nl",))

    engines = configured_engines(settings, ModelCache(), [_folder_family("en", "nl")])

    assert engines.languages == {"nl"}
    assert not any(is_resident(engine) for engine in engines.speech)
    engines.close()


def test_a_gpu_that_was_wished_for_is_missed_before_anything_is_loaded(tmp_path: Path) -> None:
    family = replace(_folder_family("en"), why_no_gpu=lambda: "letters see no GPU: buy one")
    settings = Settings(device="cuda", model_dir=tmp_path)

    with pytest.raises(ModelFault, match=r"^device cuda: letters see no GPU: buy one; or"):
        configured_engines(settings, ModelCache(), [family])


@pytest.mark.skipif(why_no_onnx_gpu() is None, reason="onnxruntime may use a GPU here")
def test_the_models_that_tell_speakers_apart_are_to_have_a_gpu_too(tmp_path: Path) -> None:
    settings = Settings(device="cuda", model_dir=tmp_path)

    with pytest.raises(ModelFault, match=r"^device cuda: onnxruntime"):
        configured_engines(settings, ModelCache(), [_folder_family("en")])
    with pytest.raises(ModelFault, match=r"^device cuda: onnxruntime"):
        load_voices(device="cuda")
