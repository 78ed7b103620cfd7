from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from scribewire.engines.moonshine.dequantise import dequantise
from scribewire.engines.onnx import onnxruntime

RNG = np.random.default_rng(5)
WEIGHTS = RNG.integers(0, 255, (6, 4)).astype(np.uint8)
SCALE, ZERO = np.float32(0.02), np.uint8(120)
BIAS = RNG.normal(size=4).astype(np.float32)


def small_model(*, has_bias: bool) -> onnx.ModelProto:
    """x times weights of 8 bits, through each of the two operators."""
    inputs = ["x", "w", "s", "z", *(["b"] if has_bias else [])]
    late = ["r", "w", "rs", "s", "rz", "z", *(["b"] if has_bias else [])]
    nodes = [
        helper.make_node("DynamicQuantizeMatMul", inputs, ["y"], domain="com.microsoft"),
        helper.make_node("DynamicQuantizeLinear", ["x"], ["r", "rs", "rz"]),
        helper.make_node("MatMulIntegerToFloat", late, ["v"], domain="com.microsoft"),
    ]
    tensors = [
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in (("w", WEIGHTS), ("s", SCALE), ("z", ZERO), ("b", BIAS))
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in "yv"],
        tensors,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


@pytest.mark.parametrize("has_bias", [True, False])
def test_products_are_those_of_the_weights_multiplied_out(has_bias: bool) -> None:
    model = small_model(has_bias=has_bias)
    x = RNG.normal(size=(2, 6)).astype(np.float32)

    count = dequantise(model)

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    exact = x @ ((WEIGHTS.astype(np.float32) - ZERO) * SCALE) + (BIAS if has_bias else 0)
    assert count == 2
    for found in session.run(["y", "v"], {"x": x}):
        assert found == pytest.approx(exact, abs=1e-5)


def test_weights_of_8_bits_are_gone_and_shared_ones_made_once() -> None:
    model = small_model(has_bias=True)

    dequantise(model)

    assert {tensor.name for tensor in model.graph.initializer} == {"w_float32", "b"}
    assert {node.op_type for node in model.graph.node} == {"MatMul", "Add"}


def test_a_graph_without_them_stays_as_it_is() -> None:
    model = small_model(has_bias=True)
    dequantise(model)
    before = model.SerializeToString()

    assert dequantise(model) == 0
    assert model.SerializeToString() == before
