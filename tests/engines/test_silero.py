from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribewire.engines.silero import SileroVad
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.catalog import SILERO_VAD
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing import check_engine

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.types import Samples


def measure(engine: SileroVad, samples: Samples, groups: list[int] | None = None) -> list[float]:
    """Measure whole frames, in requests that end after each number of frames in `groups`."""
    whole = samples[: samples.size - samples.size % FRAME_SAMPLES]
    state: bytes | None = None
    found: list[float] = []
    for frames in np.split(whole, [end * FRAME_SAMPLES for end in groups or []]):
        result = engine.measure(VadRequest(frames, state))
        state = result.state
        found += result.probabilities
    return found


def test_speech_is_speech_and_the_pause_after_it_is_not(
    silero: SileroVad, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")[8_000:24_000]
    pause = np.zeros(16_000, np.float32)

    found = measure(silero, np.concatenate([speech, pause]))

    assert np.mean(np.array(found[:30]) > 0.5) > 0.6
    assert max(found[45:]) < 0.1


@pytest.mark.slow
def test_a_reading_is_speech_for_most_of_its_time(
    silero: SileroVad, read_recording: Callable[[str], Samples]
) -> None:
    found = np.array(measure(silero, read_recording("two_cities.wav")))

    assert 0.6 < np.mean(found > 0.5) < 0.9


@pytest.mark.parametrize("scale", [0.0, 0.001, 0.01, 0.1])
def test_noise_is_no_speech(scale: float, silero: SileroVad) -> None:
    noise = np.random.default_rng(5).standard_normal(32_000).astype(np.float32)

    assert max(measure(silero, noise * np.float32(scale))) < 0.35


@settings(max_examples=10, deadline=None)
@given(groups=st.lists(st.integers(0, 31), max_size=12).map(sorted))
def test_grouping_frames_into_requests_changes_no_bit(
    groups: list[int], silero: SileroVad, read_recording: Callable[[str], Samples]
) -> None:
    samples = read_recording("beckett.wav")[8_000:24_000]

    assert measure(silero, samples, groups) == measure(silero, samples)


def test_a_request_without_frames_keeps_the_state(silero: SileroVad) -> None:
    state = silero.measure(VadRequest(np.full(FRAME_SAMPLES, 0.1, np.float32), None)).state

    result = silero.measure(VadRequest(np.empty(0, np.float32), state))

    assert result.probabilities == ()
    assert result.state == state


def test_a_part_of_a_frame_is_our_fault(silero: SileroVad) -> None:
    with pytest.raises(ServerFault, match="VAD request of 500 samples: expected whole frames"):
        silero.measure(VadRequest(np.zeros(500, np.float32), None))


def test_a_state_of_another_engine_is_our_fault(silero: SileroVad) -> None:
    with pytest.raises(ServerFault, match="VAD state of 5 bytes: expected 1276"):
        silero.measure(VadRequest(np.zeros(FRAME_SAMPLES, np.float32), b"fresh"))


def test_it_keeps_the_contract_of_an_engine() -> None:
    check_engine(lambda: SileroVad.load(SILERO_VAD))


def test_a_missing_file_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"silero_vad\.onnx: no such file"):
        SileroVad.load(SILERO_VAD, tmp_path)
