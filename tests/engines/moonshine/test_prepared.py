from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.moonshine.prepared import RECIPE, prepared_decoder
from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache

MERGED = TINY_EN.file("decoder_model_merged.ort")


@pytest.mark.slow
def test_the_files_are_kept_under_their_source_and_recipe(tmp_path: Path) -> None:
    told: list[str] = []
    cache = ModelCache(directory=tmp_path, on_progress=told.append)

    for _ in range(2):
        with prepared_decoder(MERGED, None, cache) as files:
            sizes = [path.stat().st_size for path in (files.first, files.next, files.attention)]

    assert all(size > 10_000_000 for size in sizes)
    (entry,) = tmp_path.iterdir()
    assert entry.name == f"moonshine-decoder-{MERGED.sha256}-{RECIPE}"
    assert told == ["preparing the speech model"]


@pytest.mark.slow
def test_those_for_a_gpu_have_no_eight_bits_and_are_kept_beside(tmp_path: Path) -> None:
    cache = ModelCache(directory=tmp_path)

    with prepared_decoder(MERGED, None, cache, in_float32=True) as files:
        graphs = [onnx.load(path).graph for path in (files.first, files.next, files.attention)]

    operators = {node.op_type for graph in graphs for node in graph.node}
    assert "MatMul" in operators
    assert not [name for name in operators if "Quantize" in name or "Integer" in name]
    (entry,) = tmp_path.iterdir()
    assert entry.name == f"moonshine-decoder-float32-{MERGED.sha256}-{RECIPE}"


def test_a_missing_source_is_a_model_fault(tmp_path: Path) -> None:
    cache = ModelCache(directory=tmp_path / "cache")

    with (
        pytest.raises(ModelFault, match=r"decoder_model_merged\.ort: no such file"),
        prepared_decoder(MERGED, tmp_path, cache),
    ):
        pass

    assert list(tmp_path.iterdir()) == []
