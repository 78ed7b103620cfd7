from __future__ import annotations

import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jiwer
import numpy as np
import pytest

from scribewire.engines.moonshine import MAX_TOKENS_PER_SECOND, MIN_SAMPLES, MoonshineEngine
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.catalog import MOONSHINE_TINY_EN
from scribewire.recognition.requests import DecodeRequest, Hypothesis
from scribewire.testing import check_engine

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.types import Samples

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
    "age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the "
    "season of Light"
)


def word_error(reference: str, text: str) -> float:
    plain = [re.sub(r"[^a-z ]", "", words.lower()) for words in (reference, text)]
    return float(jiwer.wer(plain[0], plain[1]))


def decode(engine: MoonshineEngine, samples: Samples) -> Hypothesis:
    request = DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)
    hypothesis = engine.decode(request).hypothesis
    assert hypothesis is not None
    return hypothesis


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "end_s", "reference"),
    [("beckett.wav", 10, BECKETT), ("two_cities.wav", 15, TWO_CITIES)],
)
def test_real_speech_becomes_its_text(
    name: str, end_s: int, reference: str,
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples],
) -> None:  # fmt: skip
    hypothesis = decode(moonshine, read_recording(name)[: end_s * 16_000])

    assert word_error(reference, hypothesis.text) <= 0.06
    assert hypothesis.is_complete
    # Clear speech is believed: the geometric mean of the token probabilities.
    assert math.exp(np.mean([token.logprob for token in hypothesis.tokens])) > 0.7


def test_the_tokens_spell_the_text(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    hypothesis = decode(moonshine, read_recording("beckett.wav")[:32_000])

    assert hypothesis.text.startswith("Ever tried")
    spelled = moonshine.tokenizer.decode(token.id for token in hypothesis.tokens)
    assert spelled == hypothesis.text
    assert all(token.logprob <= 0 for token in hypothesis.tokens)


@pytest.mark.parametrize("count", [0, 1, 383, MIN_SAMPLES - 1])
def test_audio_too_short_for_the_encoder_is_nothing(count: int, moonshine: MoonshineEngine) -> None:
    assert decode(moonshine, np.full(count, 0.5, np.float32)) == Hypothesis("", ())


@pytest.mark.parametrize("count", [MIN_SAMPLES, MIN_SAMPLES + 1, 1024])
def test_the_shortest_audio_for_the_encoder_is_decoded(
    count: int, moonshine: MoonshineEngine
) -> None:
    hypothesis = decode(moonshine, np.zeros(count, np.float32))

    assert len(hypothesis.tokens) <= math.ceil(MAX_TOKENS_PER_SECOND * count / 16_000)


def test_the_guard_ends_a_decode_that_goes_on(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    fast = read_recording("beckett.wav")[4_000:14_000:10].copy()

    hypothesis = decode(moonshine, fast)

    assert len(hypothesis.tokens) == 1
    assert not hypothesis.is_complete


@pytest.mark.slow
def test_decodes_side_by_side_do_not_disturb_each_other(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")
    pieces = [speech[start : start + 24_000] for start in range(0, 96_000, 12_000)]
    alone = [decode(moonshine, piece) for piece in pieces]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda piece: decode(moonshine, piece), pieces))

    assert together == alone


def test_it_says_which_languages_it_understands(moonshine: MoonshineEngine) -> None:
    assert moonshine.languages == {"en"}


@pytest.mark.slow
def test_it_keeps_the_contract_of_an_engine() -> None:
    check_engine(lambda: MoonshineEngine.load(MOONSHINE_TINY_EN))


@pytest.mark.slow
def test_after_closing_even_no_samples_are_refused() -> None:
    engine = MoonshineEngine.load(MOONSHINE_TINY_EN)
    engine.close()

    with pytest.raises(ServerFault, match="used after it was closed"):
        decode(engine, np.empty(0, np.float32))


def test_missing_files_are_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"encoder_model\.ort: no such file"):
        MoonshineEngine.load(MOONSHINE_TINY_EN, tmp_path)
