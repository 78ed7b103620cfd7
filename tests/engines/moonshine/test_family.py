from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scribewire.engines.moonshine.alignment import AlignmentRules
from scribewire.engines.moonshine.family import MOONSHINE, TINY_EN
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.engines.protocols import ModelPlace
from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.fitted import read_fitted
from scribewire.models.store import find_model
from scribewire.recognition.calibration import Calibration


def test_a_missing_file_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"tokenizer\.bin: no such file"):
        MOONSHINE.load(TINY_EN, ModelPlace(cache=ModelCache(), model_dir=tmp_path))


@pytest.mark.slow
def test_a_model_for_another_language_is_an_entry(tmp_path: Path) -> None:
    files = tuple(replace(file, name=f"tiny-nl/{file.name}") for file in TINY_EN.files)
    (tmp_path / "tiny-nl").mkdir()
    for file, of_ours in zip(TINY_EN.files, files, strict=True):
        shutil.copy(find_model(file), tmp_path / of_ours.name)
    dutch = replace(TINY_EN, name="moonshine-tiny-nl", languages=frozenset({"nl"}), files=files)

    engine = MOONSHINE.load(dutch, ModelPlace(cache=ModelCache(), model_dir=tmp_path))

    assert engine.traits.languages == {"nl"}
    assert engine.traits == MOONSHINE.traits(dutch, "cpu")
    engine.close()


def test_where_it_runs_is_told_before_a_load_unless_that_decides_it() -> None:
    is_decided = why_no_onnx_gpu() is not None

    devices = [MOONSHINE.traits(TINY_EN, wish).device for wish in ("cpu", "cuda", "auto")]

    assert devices == ["cpu", "cuda", "cpu" if is_decided else None]


@pytest.mark.skipif(why_no_onnx_gpu() is None, reason="onnxruntime may use a GPU here")
def test_a_gpu_that_was_wished_for_and_is_not_there_is_told_with_what_to_do() -> None:
    place = ModelPlace(cache=ModelCache(), device="cuda")

    with pytest.raises(ModelFault, match=r"device cuda: onnxruntime.*Moonshine.*onnxruntime-gpu"):
        MOONSHINE.load(TINY_EN, place)


@pytest.mark.slow
def test_who_asks_which_models_there_are_loads_no_engine() -> None:
    program = (
        "import sys\n"
        "import scribewire.engines.families\n"
        "sys.exit('loaded' if 'onnxruntime' in sys.modules else 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "src")},
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_model_has_its_fitted_numbers() -> None:
    for model in MOONSHINE.models:
        assert model.fitted is not None
        calibration = read_fitted(model.fitted, "calibration", Calibration)
        assert calibration.final_width.keys() == {"fast", "quality"}
        assert read_fitted(model.fitted, "alignment", AlignmentRules).heads
