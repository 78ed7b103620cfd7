from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.catalog import SILERO_VAD
from scribewire.models.store import find_model

FEEDS: dict[str, Tensor] = {
    "input": np.zeros((1, 576), np.float32),
    "state": np.zeros((2, 1, 128), np.float32),
    "sr": np.array(16_000, np.int64),
}


@pytest.fixture
def session() -> OnnxSession:
    return OnnxSession(find_model(SILERO_VAD.files[0]))


def test_loading_the_library_leaves_nothing_in_the_users_home(tmp_path: Path) -> None:
    """What it writes there is the device id that it would tell its vendor."""
    outside = {"HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "0"}
    program = "import scribewire.engines.onnx, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"

    told = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | outside,
        check=True,
        capture_output=True,
        text=True,
    )

    assert told.stdout == "1\n"
    assert list(tmp_path.rglob("*")) == []


def test_a_graph_says_what_goes_in_and_out(session: OnnxSession) -> None:
    assert session.input_shapes["state"][0::2] == [2, 128]
    assert session.output_names == ["output", "stateN"]


def test_only_what_is_wanted_comes_out(session: OnnxSession) -> None:
    (state,) = session.run(["stateN"], FEEDS)

    assert state.shape == (2, 1, 128)


def test_a_run_that_fails_is_our_fault_and_names_the_file(session: OnnxSession) -> None:
    with pytest.raises(ServerFault, match=r"silero_vad\.onnx: "):
        session.run(["output"], {**FEEDS, "input": np.zeros((1, 576), np.int64)})


def test_a_missing_input_is_our_fault(session: OnnxSession) -> None:
    with pytest.raises(ServerFault, match=r"silero_vad\.onnx: .*sr"):
        session.run(["output"], {"input": FEEDS["input"], "state": FEEDS["state"]})


def test_a_closed_session_does_not_run(session: OnnxSession) -> None:
    session.close()
    session.close()

    with pytest.raises(ServerFault, match=r"silero_vad\.onnx: used after it was closed"):
        session.run(["output"], FEEDS)


@pytest.mark.parametrize("name", ["model.onnx", "model.ort"])
@pytest.mark.parametrize("content", [b"", b"no model", bytes(1000)])
def test_a_file_that_is_no_model_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ModelFault, match=f"{name}: onnxruntime cannot load it"):
        OnnxSession(path)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"none\.onnx: onnxruntime cannot load it"):
        OnnxSession(tmp_path / "none.onnx")


@pytest.mark.skipif(why_no_onnx_gpu() is None, reason="onnxruntime may use a GPU here")
def test_a_gpu_that_cannot_be_used_is_a_fault_and_nothing_goes_on_without_it() -> None:
    path = find_model(SILERO_VAD.files[0])

    with pytest.raises(ModelFault, match=r"silero_vad\.onnx: onnxruntime cannot use a GPU"):
        OnnxSession(path, device="cuda")
