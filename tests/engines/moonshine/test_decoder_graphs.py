from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.greedy import Logits, decode_greedily
from scribewire.engines.moonshine.decoder_graphs import DecoderGraphs, EncodedAudio
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.moonshine.prepared import prepared_decoder, prepared_encoder
from scribewire.engines.moonshine.tokenizer import END
from scribewire.engines.onnx import OnnxSession
from scribewire.errors import ServerFault
from scribewire.models.cache import ModelCache

if TYPE_CHECKING:
    from scribewire.types import Samples

START, A, B = 1, 500, 600
FRAMES = 12


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecoderGraphs]:
    decoder = load()
    yield decoder
    decoder.close()


@pytest.fixture(scope="module")
def encoding() -> EncodedAudio:
    hidden = np.random.default_rng(3).normal(size=(1, FRAMES, 288)).astype(np.float32)
    return EncodedAudio(hidden, np.ones((1, FRAMES * 384 + 511), np.int64))


def load(*, in_float32: bool = False) -> DecoderGraphs:
    merged = TINY_EN.file("decoder_model_merged.ort")
    with prepared_decoder(merged, None, ModelCache(), in_float32=in_float32) as files:
        return DecoderGraphs(files)


def likeness(one: Logits, other: Logits) -> float:
    """Activations are quantised with what else is in the call, so logits are never equal."""
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.slow
def test_a_step_remembers_the_tokens_before_it(
    decoder: DecoderGraphs, encoding: EncodedAudio
) -> None:
    steps = decoder.begin(encoding)
    one_by_one = [steps.next_logits(token) for token in (START, A, B)]

    at_once = decoder.begin(encoding, (START, A)).next_logits(B)

    assert one_by_one[-1].shape == (32_768,)
    assert likeness(one_by_one[-1], at_once) > 0.98
    assert likeness(decoder.begin(encoding).next_logits(B), at_once) < 0.95


@pytest.mark.slow
def test_decodes_under_way_share_nothing(decoder: DecoderGraphs, encoding: EncodedAudio) -> None:
    alone = decoder.begin(encoding)
    expected = [alone.next_logits(token) for token in (START, A)]

    one, other = decoder.begin(encoding), decoder.begin(encoding, (START, B))
    found = [one.next_logits(START)]
    other.next_logits(A)
    found.append(one.next_logits(A))

    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.slow
def test_several_tokens_may_be_taken_at_once_and_taken_back(
    decoder: DecoderGraphs, encoding: EncodedAudio
) -> None:
    expected = decoder.begin(encoding)
    one_by_one = [expected.next_logits(token) for token in (START, A, B, A)]

    steps = decoder.begin(encoding)
    first = steps.next_rows_of((START, A, A, A))
    steps.forget(2)
    later = steps.next_rows_of((B, A))

    assert first.shape == (4, 32_768)
    assert later.shape == (2, 32_768)
    for found, wanted in zip((*first[:2], *later), one_by_one, strict=True):
        assert likeness(found, wanted) > 0.97


@pytest.mark.slow
def test_attention_has_a_row_for_each_token(decoder: DecoderGraphs, encoding: EncodedAudio) -> None:
    attention = decoder.attend(encoding, [START, A, B])

    assert attention.shape == (6, 8, 3, FRAMES)
    assert np.allclose(attention.sum(axis=-1), 1, atol=1e-4)


@pytest.mark.slow
def test_once_closed_it_is_refused(encoding: EncodedAudio) -> None:
    decoder = load()
    decoder.close()
    decoder.close()

    with pytest.raises(ServerFault, match="used after it was closed"):
        decoder.begin(encoding).next_logits(START)
    with pytest.raises(ServerFault, match="used after it was closed"):
        decoder.attend(encoding, [START])


@pytest.mark.slow
def test_the_graphs_for_a_gpu_hear_the_same_words(
    decoder: DecoderGraphs, read_recording: Callable[[str], Samples]
) -> None:
    waveform = read_recording("beckett.wav")[np.newaxis]
    mask = np.ones(waveform.shape, np.int64)
    with prepared_encoder(TINY_EN.file("encoder_model.ort"), None, ModelCache()) as path:
        encoder = OnnxSession(path)
    feeds: dict[str, np.ndarray] = {"input_values": waveform, "attention_mask": mask}
    (hidden,) = encoder.run(("last_hidden_state",), feeds)
    exact = load(in_float32=True)

    heard = [
        decode_greedily(
            graphs.begin(EncodedAudio(hidden, mask)), start=START, end=END, max_tokens=60
        )
        for graphs in (decoder, exact)
    ]

    tokens = [[token.id for token in one.tokens] for one in heard]
    assert len(tokens[0]) > 12
    assert tokens[0] == tokens[1]
    exact.close()
    encoder.close()
