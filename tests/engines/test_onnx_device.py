from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from scribewire.engines.onnx_device import why_no_onnx_gpu


@pytest.mark.parametrize(
    ("library", "is_there"),
    [
        ("libonnxruntime_providers_cuda.so", True),
        ("onnxruntime_providers_cuda.dll", True),
        ("libonnxruntime_providers_shared.so", False),
    ],
)
def test_what_can_use_a_gpu_is_told_by_the_library_beside_it(
    tmp_path: Path, library: str, *, is_there: bool
) -> None:
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / library).touch()
    spec = ModuleSpec("onnxruntime", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]

    why = why_no_onnx_gpu(lambda _name: spec)

    assert (why is None) is is_there


def test_without_the_package_there_is_none() -> None:
    why = why_no_onnx_gpu(lambda _name: None)

    assert why is not None
    assert "onnxruntime-gpu" in why
