from __future__ import annotations

import pytest

from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.rules import rules_for


def test_quality_waits_longer_hears_more_and_searches_wider_than_fast() -> None:
    fast, quality = rules_for("fast"), rules_for("quality")

    assert quality.endpoint.end_silence > fast.endpoint.end_silence
    assert quality.context_samples > fast.context_samples
    assert quality.final_width > fast.final_width


@pytest.mark.parametrize("endpointing_ms", [100, 250, 700, 5000])
def test_endpointing_sets_the_silence_that_ends_an_utterance(endpointing_ms: int) -> None:
    rules = rules_for("fast", endpointing_ms=endpointing_ms)

    assert rules.endpoint.end_silence * 32 - endpointing_ms in range(32)


@pytest.mark.parametrize("endpointing_ms", [100, 250, 700, 5000])
def test_a_final_never_hears_audio_beyond_the_silence_that_ends_it(endpointing_ms: int) -> None:
    rules = rules_for("quality", endpointing_ms=endpointing_ms)

    assert rules.endpoint.settle_silence <= rules.endpoint.end_silence
    assert rules.pad_after_samples == rules.endpoint.settle_silence * FRAME_SAMPLES


def test_partials_can_be_switched_off() -> None:
    assert rules_for("fast", has_partials=False).partial_interval_samples is None
