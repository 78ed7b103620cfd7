from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scribewire.errors import ModelFault
from scribewire.models.compiled import (
    COMPILED_MODELS,
    SPEAKER_EMBEDDING,
    SPEAKER_TURNS,
    CompiledModel,
    compiled_model,
)


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))  # where macOS looks
    return tmp_path


def open_model(model: CompiledModel, model_dir: Path | None = None) -> None:
    with compiled_model(model, model_dir):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("model", COMPILED_MODELS, ids=lambda model: model.name)
def test_each_model_is_cut_out_of_the_installed_library_and_cached(model: CompiledModel) -> None:
    with compiled_model(model) as path:
        assert path.stat().st_size == model.size
    with compiled_model(model) as again:
        assert again == path


def test_a_folder_of_the_users_own_is_the_only_place_looked_in(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"speaker_turns\.ort: no such file"):
        open_model(SPEAKER_TURNS, tmp_path)


def test_a_file_that_is_not_the_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / SPEAKER_TURNS.file_name).write_bytes(b"\0" * SPEAKER_TURNS.size)

    with pytest.raises(ModelFault, match="not the file that pyannote-segmentation is"):
        open_model(SPEAKER_TURNS, tmp_path)


CASES = [
    ("absent-voice", "is not installed"),
    ("numpy", "not inside the libraries"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("distribution", "sentence"), CASES)
def test_a_model_that_is_not_there_names_the_remedy(
    distribution: str, sentence: str, cache_home: Path
) -> None:
    model = replace(SPEAKER_EMBEDDING, distribution=distribution)

    with pytest.raises(ModelFault, match=f"{sentence}.*pip install --force-reinstall"):
        open_model(model)

    assert [path for path in cache_home.rglob("*") if path.is_file()] == []


def test_every_attribution_is_in_the_documentation() -> None:
    page = Path("docs/models.md").read_text("utf-8")

    for model in COMPILED_MODELS:
        assert model.attribution in " ".join(page.split())
