from __future__ import annotations

import re
from importlib import metadata
from pathlib import PurePosixPath

import pytest

from scribewire.engines.families import DEFAULT_MODEL, FAMILIES, MODELS
from scribewire.models.catalog import Model, ModelFile

FILES = [file for model in MODELS for file in model.files]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_named_by_a_whole_digest(file: ModelFile) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert PurePosixPath(file.path).name == PurePosixPath(file.name).name


def test_no_two_files_share_a_name() -> None:
    assert len({file.name for file in FILES}) == len(FILES)


def test_no_two_models_share_a_name() -> None:
    assert len({model.name for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_installed_packages_are_the_ones_named(file: ModelFile) -> None:
    assert metadata.version(file.distribution) == file.version


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_says_what_it_may_be_used_for(model: Model) -> None:
    assert model.licence == "MIT"


def test_every_speech_model_says_its_languages() -> None:
    languages = [model.languages for family in FAMILIES for model in family.models]

    assert all(languages)
    assert all(len(code) == 2 for codes in languages for code in codes)


def test_the_default_model_is_english() -> None:
    assert "en" in DEFAULT_MODEL.languages
