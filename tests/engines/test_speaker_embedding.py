from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from scribewire.engines.speaker_embedding import SpeakerEmbedder
from scribewire.errors import ModelFault
from scribewire.recognition.requests import EmbeddingRequest
from scribewire.testing import check_engine
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples, Vector


@pytest.fixture(scope="module")
def embedder() -> Iterator[SpeakerEmbedder]:
    engine = SpeakerEmbedder.load_default()
    yield engine
    engine.close()


def embed(engine: SpeakerEmbedder, samples: Samples) -> Vector:
    return engine.embed(EmbeddingRequest(utterance=0, samples=samples)).vector


def save_model(path: Path, inputs: dict[str, Sequence[int | str]]) -> Path:
    """Write a model that averages its first input over the frames."""
    first = next(iter(inputs))
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", [first], ["embs"], axes=[1], keepdims=0)],
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info("embs", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.slow
def test_the_model_of_the_dependencies_keeps_the_contract() -> None:
    check_engine(SpeakerEmbedder.load_default)


@pytest.mark.slow
def test_one_voice_is_nearer_to_itself_than_to_another(
    embedder: SpeakerEmbedder, read_recording: Callable[[str], Samples]
) -> None:
    one = read_recording("two_cities.wav")[SAMPLE_RATE : 7 * SAMPLE_RATE]
    other = read_recording("endgame_nagg_nell.wav")[4 * SAMPLE_RATE : 7 * SAMPLE_RATE]
    half = 3 * SAMPLE_RATE

    first, second = embed(embedder, one[:half]), embed(embedder, one[half:])

    assert first @ second > 0.5
    assert first @ embed(embedder, other) < 0.35


@pytest.mark.slow
@pytest.mark.parametrize("name", ["feats", "x"])
def test_a_model_of_the_users_own_keeps_the_contract(tmp_path: Path, name: str) -> None:
    path = save_model(tmp_path / "own.onnx", {name: ["B", "T", 80]})

    check_engine(lambda: SpeakerEmbedder.load(path))


BAD_INPUTS: list[tuple[dict[str, Sequence[int | str]], str]] = [
    ({"feats": ["B", "T", 80], "length": ["B"]}, "expected the features alone"),
    ({"feats": ["B", "T", 60]}, r"expected \[batch, frames, 80\]"),
    ({"waveform": ["B", "T"]}, r"expected \[batch, frames, 80\]"),
]


@pytest.mark.parametrize(("inputs", "sentence"), BAD_INPUTS)
def test_a_model_with_other_inputs_is_refused(
    tmp_path: Path, inputs: dict[str, Sequence[int | str]], sentence: str
) -> None:
    path = save_model(tmp_path / "own.onnx", inputs)

    with pytest.raises(ModelFault, match=sentence):
        SpeakerEmbedder.load(path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(b"no model")

    with pytest.raises(ModelFault, match="cannot load it"):
        SpeakerEmbedder.load(path)


def test_less_than_a_syllable_is_nobody(embedder: SpeakerEmbedder) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 4000).astype(np.float32)

    assert not embed(embedder, noise).any()
