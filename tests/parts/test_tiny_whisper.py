from __future__ import annotations

import json
from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from tests.parts.tiny_whisper import ENCODED_FRAMES, build, byte_letters

FRAMES = 2 * ENCODED_FRAMES


def features(n_mels: int) -> ctranslate2.StorageView:
    noise = np.random.default_rng(1).normal(0, 1, (1, n_mels, FRAMES)).astype(np.float32)
    return ctranslate2.StorageView.from_array(noise)


def decode(folder: Path, n_mels: int) -> list[int]:
    model = ctranslate2.models.Whisper(str(folder), compute_type="float32")
    prompt = ["<|startoftranscript|>", "<|nl|>", "<|transcribe|>", "<|notimestamps|>"]
    (result,) = model.generate(features(n_mels), [prompt], beam_size=1, max_length=12)
    tokens: list[int] = result.sequences_ids[0]
    return tokens


@pytest.mark.slow
@pytest.mark.parametrize(("n_mels", "languages"), [(80, 99), (128, 100)])
def test_the_library_runs_it_as_a_multilingual_whisper(
    n_mels: int, languages: int, tmp_path: Path
) -> None:
    model = ctranslate2.models.Whisper(str(build(tmp_path, n_mels)), compute_type="int8")

    (heard,) = model.detect_language(features(n_mels))

    assert (model.is_multilingual, model.n_mels, len(heard)) == (True, n_mels, languages)
    assert sum(share for _, share in heard) == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_it_says_the_same_each_time_and_something_else_with_another_seed(tmp_path: Path) -> None:
    one, same = build(tmp_path / "one", seed=1), build(tmp_path / "same", seed=1)
    other = build(tmp_path / "other", seed=2)

    assert decode(one, 80) == decode(same, 80) != decode(other, 80)


@pytest.mark.slow
def test_its_tokenizer_has_the_numbers_of_its_vocabulary(tmp_path: Path) -> None:
    build(tmp_path)
    vocabulary = json.loads((tmp_path / "vocabulary.json").read_text("utf-8"))
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    numbers = {
        **tokenizer["model"]["vocab"],
        **{token["content"]: token["id"] for token in tokenizer["added_tokens"]},
    }

    assert len(set(vocabulary)) == len(vocabulary) == 51_865
    assert all(vocabulary[number] == token for token, number in numbers.items())
    assert vocabulary[50_363] == "<|notimestamps|>"


def test_each_byte_has_a_letter_of_its_own() -> None:
    assert len(set(byte_letters())) == 256
    assert byte_letters()[0] == "!"
    assert byte_letters()[220] == "\u0120"  # the space
