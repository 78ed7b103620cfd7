from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from scribewire.engines.protocols import ModelPlace
from scribewire.engines.whisper.family import WHISPER, WHISPER_BASE, model_folder, own_model
from scribewire.engines.whisper.weights import check_folder
from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Carrier, JoinedFile
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.types import DeviceWish
from tests.parts.multilingual import need_whisper
from tests.parts.tiny_whisper import build

ROOT: Final = Path(__file__).resolve().parents[3]
NAMES: Final = {"model.bin", "config.json", "tokenizer.json"}


@pytest.mark.parametrize("carrier", WHISPER_BASE.carriers, ids=lambda it: it.distributions[0])
def test_each_publisher_has_a_whole_model_that_an_extra_brings(carrier: Carrier) -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")

    assert {file.name for file in carrier.files} > NAMES
    assert all(f'"{name}=={carrier.version}"' in project for name in carrier.distributions)
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in carrier.files)


def test_of_the_weights_both_have_nearly_the_same_size() -> None:
    sizes = [weights(carrier).size for carrier in WHISPER_BASE.carriers]

    assert max(sizes) - min(sizes) < 100


def weights(carrier: Carrier) -> JoinedFile:
    return next(file for file in carrier.files if file.name == "model.bin")


@pytest.mark.slow
def test_who_asks_what_is_missing_loads_no_engine_and_no_carrier() -> None:
    program = (
        "import sys\n"
        "from scribewire.engines.whisper.family import WHISPER_BASE, WHISPER\n"
        "WHISPER.why_missing(WHISPER_BASE, None)\n"
        "print([name for name in sys.modules if name.startswith(('ctrans', 'gymp', 'solids'))])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )

    assert done.stdout == "[]\n"


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)  # as Python takes what is not there

    assert WHISPER.why_missing(WHISPER_BASE, None) == (
        "model whisper-base: ctranslate2 is not installed; pip install 'scribewire[multilingual]'"
    )


@pytest.mark.slow
def test_a_folder_of_ones_own_becomes_an_entry_with_the_numbers_of_base(tmp_path: Path) -> None:
    folder = tmp_path / "whisper-tiny"
    build(folder)

    model = own_model(folder, frozenset({"nl", "sv"}))

    assert model.name == "whisper in whisper-tiny (nl, sv)"
    assert model.languages == {"nl", "sv"}
    assert (model.folder, model.carriers) == (folder, ())
    assert model.fitted == WHISPER_BASE.fitted
    assert model.parameters == check_folder(folder).parameters


@pytest.mark.slow
def test_a_folder_that_does_not_know_a_language_is_told(tmp_path: Path) -> None:
    build(tmp_path / "tiny")

    with pytest.raises(ModelFault, match="tiny: language qq, xx: it was trained on af, am, "):
        own_model(tmp_path / "tiny", frozenset({"nl", "xx", "qq"}))


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"model\.bin: no such file"):
        own_model(tmp_path, frozenset({"nl"}))


def test_a_folder_is_of_no_use_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)

    with pytest.raises(ModelFault, match=r"ctranslate2 is not installed; pip install 'scribewire"):
        own_model(tmp_path, frozenset({"nl"}))


def test_a_folder_of_ones_own_needs_no_carrier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(WHISPER_BASE, carriers=(), folder=tmp_path)

    assert WHISPER.why_missing(model, tmp_path / "models") is None
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    assert "ctranslate2 is not installed" in str(WHISPER.why_missing(model, None))


@pytest.mark.slow
def test_english_alone_loads_no_library_of_whisper_whatever_the_device() -> None:
    program = (
        "import sys\n"
        "from scribewire.engines.loader import configured_engines\n"
        "from scribewire.models.cache import ModelCache\n"
        "from scribewire.settings import Settings\n"
        "configured_engines(Settings(device='auto'), ModelCache()).close()\n"
        "print('ctranslate2' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )

    assert done.stdout == "False\n"


def test_on_which_device_is_left_open_where_a_load_decides_it() -> None:
    wishes: list[DeviceWish] = ["auto", "cpu", "cuda"]

    assert [WHISPER.traits(WHISPER_BASE, wish).device for wish in wishes] == [None, "cpu", "cuda"]


@pytest.mark.slow
@pytest.mark.parametrize("languages", [{"nl"}, {"nl", "en"}])
def test_what_is_told_of_an_engine_is_true_once_it_is_loaded(
    languages: set[str], tmp_path: Path
) -> None:
    model = own_model(build(tmp_path, 128), frozenset(languages))

    engine = WHISPER.load(model, ModelPlace(cache=ModelCache()))

    assert engine.traits == WHISPER.traits(model, "cpu")
    assert engine.traits.tells_language is (len(languages) > 1)
    engine.close()


@pytest.mark.slow
def test_a_folder_that_was_damaged_since_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    model = own_model(build(tmp_path), frozenset({"nl"}))
    (tmp_path / "model.bin").write_bytes((tmp_path / "model.bin").read_bytes()[:10_000])

    with pytest.raises(ModelFault, match=r"model\.bin: is cut"):
        WHISPER.load(model, ModelPlace(cache=ModelCache()))


@pytest.mark.slow
def test_the_installed_model_is_loaded_from_the_cache() -> None:
    need_whisper()

    engine = WHISPER.load(WHISPER_BASE, ModelPlace(cache=ModelCache()))

    assert engine.traits == WHISPER.traits(WHISPER_BASE, "cpu")
    engine.close()


@pytest.mark.slow
def test_the_parameters_of_the_installed_model_are_counted_right() -> None:
    need_whisper()

    with model_folder(WHISPER_BASE, ModelPlace(cache=ModelCache())) as folder:
        assert check_folder(folder).parameters == WHISPER_BASE.parameters


def test_what_is_not_in_the_folder_of_models_is_a_model_fault(tmp_path: Path) -> None:
    place = ModelPlace(cache=ModelCache(), model_dir=tmp_path)

    with pytest.raises(ModelFault, match=f"model whisper-base: no folder {tmp_path}/whisper-base;"):
        WHISPER.load(WHISPER_BASE, place)


def test_every_model_has_its_fitted_numbers() -> None:
    for model in WHISPER.models:
        assert model.fitted is not None
        calibration = read_fitted(model.fitted, "calibration", Calibration)
        assert calibration.final_width.keys() == {"fast", "quality"}
