from __future__ import annotations

from dataclasses import replace

import numpy as np

from scribewire.engines.whisper.abilities import MAX_SAMPLES, WINDOW_SAMPLES
from scribewire.engines.whisper.shape import (
    FRAME_SAMPLES,
    BatchShape,
    WhisperRules,
    shape_of,
    whole_frames,
)
from scribewire.recognition.requests import DecodeRequest

RULES = WhisperRules(
    pad_after_samples=1000,
    partial_pad_after_samples=500,
    max_tokens_per_second=8.0,
    max_heard_tokens_per_second=20.0,
)


def shape(size: int, *, is_required: bool = True, prompt: int = 0) -> BatchShape:
    request = DecodeRequest(
        utterance=0,
        samples=np.zeros(size, np.float32),
        end_sample=size,
        is_required=is_required,
        prompt=(7,) * prompt,
    )
    return shape_of(request, RULES)


def test_what_the_encoder_is_given_is_whole_frames_and_no_more_than_its_window() -> None:
    assert whole_frames(1) == FRAME_SAMPLES
    assert whole_frames(FRAME_SAMPLES + 1) == 2 * FRAME_SAMPLES
    assert whole_frames(10 * WINDOW_SAMPLES) == WINDOW_SAMPLES
    assert shape(10 * MAX_SAMPLES).samples == whole_frames(MAX_SAMPLES + 1000)


def test_audio_of_other_lengths_finals_and_partials_are_of_other_shapes() -> None:
    assert shape(32_000) == shape(32_000)
    assert shape(32_000) != shape(32_000 + FRAME_SAMPLES)
    assert shape(32_000) != shape(32_000, is_required=False)
    assert shape(32_000) != shape(32_000, prompt=5)


def test_where_they_share_batches_partials_have_few_shapes_and_finals_their_own() -> None:
    def batched(size: int, *, is_required: bool) -> BatchShape:
        request = replace(a_request, samples=np.zeros(size, np.float32), is_required=is_required)
        return shape_of(request, RULES, is_batched=True)

    samples = np.zeros(0, np.float32)
    a_request = DecodeRequest(utterance=0, samples=samples, end_sample=0, is_required=True)

    assert batched(31_000, is_required=False) == batched(32_000, is_required=False)
    assert batched(31_000, is_required=False) != batched(33_000, is_required=False)
    assert batched(31_000, is_required=True) != batched(32_000, is_required=True)


def test_a_prompt_counts_as_far_as_it_is_given_to_the_model() -> None:
    assert shape(32_000, prompt=300) == shape(32_000, prompt=400)


def test_a_longer_utterance_may_have_more_tokens() -> None:
    assert shape(16_000).most_tokens == 8
    assert shape(MAX_SAMPLES).most_tokens == 224
