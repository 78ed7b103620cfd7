from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from scribewire.engines.whisper.family import WHISPER_BASE, own_model, why_not_served
from scribewire.errors import ModelFault
from scribewire.models.catalog import Carrier, JoinedFile
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
        "from scribewire.engines.whisper.family import WHISPER_BASE, why_not_served\n"
        "why_not_served(WHISPER_BASE, None)\n"
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

    assert why_not_served(WHISPER_BASE, None) == (
        "model whisper-base: ctranslate2 is not installed; pip install 'scribewire[multilingual]'"
    )


@pytest.mark.slow
def test_a_folder_of_ones_own_becomes_an_entry_with_the_numbers_of_base(tmp_path: Path) -> None:
    folder = tmp_path / "whisper-tiny"
    build(folder)

    model = own_model(folder, frozenset({"nl", "sv"}))

    assert model.name == "whisper in whisper-tiny"
    assert model.languages == {"nl", "sv"}
    assert (model.folder, model.carriers) == (folder, ())
    assert model.fitted == WHISPER_BASE.fitted


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
