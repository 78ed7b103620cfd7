"""Prepare the Moonshine graphs: an encoder in float32, a decoder that does what one call needs.

Theory of operation. The decoder comes as one graph around an `If`: one branch for the first
call, which has no cache, one for those after it. onnxruntime writes the model back as ONNX; each
branch is then cut out as a graph of its own, with only the nodes and weights that its outputs
need. Without the `If` a token takes a tenth less time. A third graph is the first branch up to
its cross attention, without keys, values and logits: one call on the finished text tells where
each token was heard. Every graph computes exactly what the branch did.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import onnx
from onnx import helper

from scribewire.engines.moonshine.dequantise import dequantise
from scribewire.engines.moonshine.prepared import ATTENTION, ENCODER, FIRST, NEXT
from scribewire.engines.onnx import ERRORS_ONLY, ORT_ERRORS, onnxruntime
from scribewire.errors import ModelFault

_CACHED_BRANCH, _FIRST_BRANCH = "then_branch", "else_branch"
_WRITTEN_TIMES = 2  # the model as ONNX, and at least as much again for what is made of it
_ATTENTION_SUFFIX = "/encoder_attn/Softmax_output_0"  # the exporter names outputs by module path

Named = TypeVar("Named", onnx.ValueInfoProto, onnx.TensorProto)


def convert_encoder(source: Path, folder: Path) -> None:
    """Write the encoder at `source` with float32 weights into `folder`.

    Raises ModelFault when `source` is no such encoder.
    """
    model = _read_as_onnx(source, folder / "encoder_8bit.onnx")
    if not dequantise(model):
        raise ModelFault(f"model file {source}: expected weights of 8 bits")
    onnx.save(model, folder / ENCODER)


def split_decoder(source: Path, folder: Path, *, in_float32: bool = False) -> None:
    """Write the graphs of the merged decoder at `source` into `folder`.

    Raises ModelFault when `source` is no such decoder, or not one of 8 bits that shall be
    `in_float32`.
    """
    model = _read_as_onnx(source, folder / "merged.onnx")
    branches = {
        attribute.name: attribute.g
        for node in model.graph.node
        if node.op_type == "If"
        for attribute in node.attribute
    }
    if branches.keys() != {_CACHED_BRANCH, _FIRST_BRANCH}:
        raise ModelFault(f"model file {source}: expected a decoder of two branches")
    first, later = branches[_FIRST_BRANCH], branches[_CACHED_BRANCH]
    attention = [
        name for node in first.node for name in node.output if name.endswith(_ATTENTION_SUFFIX)
    ]
    if not attention:
        raise ModelFault(f"model file {source}: expected cross attention by its exported name")
    # The encoder's keys and values never change, so later calls have no use for their copies.
    kept = [output.name for output in later.output if ".encoder." not in output.name]
    for name, branch, outputs in (
        (FIRST, first, [output.name for output in first.output]),
        (NEXT, later, kept),
        (ATTENTION, first, attention),
    ):
        graph = _cut_out(model, branch, outputs)
        if in_float32 and not dequantise(graph):
            raise ModelFault(f"model file {source}: expected weights of 8 bits")
        onnx.save(graph, folder / name)


def _read_as_onnx(source: Path, scratch: Path) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(scratch)
    options.add_session_config_entry("session.save_model_format", "ONNX")
    options.log_severity_level = ERRORS_ONLY
    try:
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except ORT_ERRORS as error:
        _check_room(scratch, source)  # it tells a full disk as a fault of the model
        raise ModelFault(f"model file {source}: onnxruntime cannot load it: {error}") from error
    model = onnx.load(scratch)
    scratch.unlink()
    return model


def _check_room(scratch: Path, source: Path) -> None:
    """Raise OSError if as much as is made of `source` cannot be written there."""
    with scratch.open("wb") as file:
        for _ in range(_WRITTEN_TIMES):
            file.write(bytes(source.stat().st_size))
        file.flush()
        os.fsync(file.fileno())  # some file systems find out no sooner
    scratch.unlink()


def _cut_out(
    model: onnx.ModelProto, branch: onnx.GraphProto, outputs: Sequence[str]
) -> onnx.ModelProto:
    """Return a model of what the outputs need, of the branch and of what is around it."""
    around = [node for node in model.graph.node if node.op_type != "If"]
    nodes = [*around, *branch.node]  # both are in an order in which they can be computed
    needed = _needed_values(nodes, outputs)
    graph = helper.make_graph(
        [node for node in nodes if needed.intersection(node.output)],
        name="decoder",
        inputs=_named(model.graph.input, needed),
        outputs=[
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs
        ],
        initializer=_named([*model.graph.initializer, *branch.initializer], needed),
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _needed_values(nodes: Iterable[onnx.NodeProto], outputs: Iterable[str]) -> set[str]:
    maker = {name: node for node in nodes for name in node.output}
    needed: set[str] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name and name not in needed:  # an input that is left out has no name
            needed.add(name)
            waiting += maker[name].input if name in maker else ()
    return needed


def _named(values: Iterable[Named], names: set[str]) -> list[Named]:
    return [value for value in values if value.name in names]
