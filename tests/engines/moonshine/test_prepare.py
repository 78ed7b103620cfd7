from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.moonshine.prepare import split_decoder
from scribewire.engines.moonshine.prepared import ATTENTION, FIRST, NEXT
from scribewire.engines.onnx import onnxruntime
from scribewire.errors import ModelFault
from scribewire.models.store import find_model

Tensors = dict[str, npt.NDArray[np.generic]]

LAYERS, HEADS, WIDTH = 6, 8, 36
KNOWN = np.array([[1, 500, 600]], np.int64)


@pytest.fixture(scope="module")
def source() -> Path:
    return find_model(TINY_EN.file("decoder_model_merged.ort"))


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("graphs")
    split_decoder(source, made)
    return made


def run(path: Path, feeds: Tensors) -> Tensors:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    taken = {tensor.name for tensor in session.get_inputs()}
    names = [tensor.name for tensor in session.get_outputs()]
    given = {name: value for name, value in feeds.items() if name in taken}
    return dict(zip(names, session.run(names, given), strict=True))


def encoding() -> Tensors:
    hidden = np.random.default_rng(7).normal(size=(1, 20, 288)).astype(np.float32)
    return {
        "encoder_hidden_states": hidden,
        "encoder_attention_mask": np.ones((1, 20 * 384 + 511), np.int64),
    }


def past(outputs: Tensors) -> Tensors:
    return {
        name.replace("present.", "past_key_values."): value
        for name, value in outputs.items()
        if name.startswith("present.")
    }


def no_past() -> Tensors:
    return {
        f"past_key_values.{layer}.{side}.{kind}": np.zeros((1, HEADS, length, WIDTH), np.float32)
        for layer in range(LAYERS)
        for side, length in (("decoder", 0), ("encoder", 1))
        for kind in ("key", "value")
    }


@pytest.mark.slow
def test_both_graphs_compute_what_their_branch_did(source: Path, folder: Path) -> None:
    first_feeds = {**encoding(), "input_ids": KNOWN}
    merged = run(source, {**first_feeds, **no_past(), "use_cache_branch": np.array([False])})
    first = run(folder / FIRST, first_feeds)
    assert first.keys() == merged.keys()
    assert all(np.array_equal(first[name], merged[name]) for name in first)

    next_feeds = {**encoding(), **past(first), "input_ids": np.array([[700]], np.int64)}
    merged = run(source, {**next_feeds, "use_cache_branch": np.array([True])})
    later = run(folder / NEXT, next_feeds)
    assert later.keys() == {name for name in merged if ".encoder." not in name}
    assert all(np.array_equal(later[name], merged[name]) for name in later)


@pytest.mark.slow
def test_attention_comes_layer_by_layer_and_sums_to_one(folder: Path) -> None:
    attention = list(run(folder / ATTENTION, {**encoding(), "input_ids": KNOWN}).values())

    assert [layer.shape for layer in attention] == [(1, HEADS, 3, 20)] * LAYERS
    for layer in attention:
        assert np.allclose(layer.astype(np.float64).sum(axis=-1), 1, atol=1e-5)


@pytest.mark.slow
def test_each_graph_takes_only_what_it_needs(folder: Path) -> None:
    taken = {
        name: {tensor.name for tensor in onnx.load(folder / name).graph.input}
        for name in (FIRST, NEXT, ATTENTION)
    }

    without_past = {"input_ids", *encoding()}
    assert taken == {
        FIRST: without_past,
        NEXT: without_past | set(no_past()),
        ATTENTION: without_past,
    }


@pytest.mark.slow
def test_only_the_graphs_are_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {FIRST, NEXT, ATTENTION}


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ort"
    wrong.write_bytes(b"not a model at all")

    with pytest.raises(ModelFault, match=r"wrong\.ort: onnxruntime cannot load it"):
        split_decoder(wrong, tmp_path)


def branch(name: str, made: str) -> onnx.GraphProto:
    node = helper.make_node("Identity", ["x"], [made])
    return helper.make_graph(
        [node], name, [], [helper.make_tensor_value_info(made, TensorProto.FLOAT, [1])]
    )


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([helper.make_node("Identity", ["x"], ["y"])], "expected a decoder of two branches"),
        (
            [
                helper.make_node(
                    "If", ["is_first"], ["y"],
                    then_branch=branch("a", "m"), else_branch=branch("b", "n"),
                )
            ],
            "expected cross attention by its exported name",
        ),
    ],
    ids=["one branch", "no attention"],
)  # fmt: skip
def test_another_model_is_refused(
    nodes: list[onnx.NodeProto], expected: str, tmp_path: Path
) -> None:
    graph = helper.make_graph(
        nodes,
        "other",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("is_first", TensorProto.BOOL, [1]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    other = tmp_path / "other.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), other
    )

    with pytest.raises(ModelFault, match=expected):
        split_decoder(other, tmp_path)


@pytest.mark.slow
def test_the_onnx_package_is_loaded_only_to_prepare() -> None:
    program = (
        "import sys\n"
        "import scribewire.engines.loader\n"
        "sys.exit('loaded' if 'onnx' in sys.modules else 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "src")},
    )

    assert (done.returncode, done.stderr) == (0, "")
