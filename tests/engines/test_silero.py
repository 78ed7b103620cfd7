from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.silero import CONTEXT_SAMPLES, VAD_RATE_HZ, SileroVad
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.catalog import SILERO_VAD
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing import check_engine
from scribewire.types import SAMPLE_RATE

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


class HeardSession(OnnxSession):
    """Keeps what the model was given, without what it had heard before."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.heard: list[Samples] = []

    def run(self, wanted: Sequence[str], feeds: Mapping[str, Tensor]) -> list[Tensor]:
        self.heard.append(feeds["input"][0, CONTEXT_SAMPLES:])
        return super().run(wanted, feeds)


def hear(samples: Samples) -> Samples:
    """Return what the model hears of the samples, at 8 kHz."""
    session = HeardSession(find_model(SILERO_VAD.file("silero_vad.onnx"), None))
    measure(SileroVad(session), samples)
    return np.concatenate(session.heard)


def tone(hz: float, level: float, seconds: float = 1) -> Samples:
    """Return a tone by its root mean square."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave: Samples = (np.sqrt(2) * level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)
    return wave


def level_of(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


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


def test_very_quiet_speech_is_speech(
    silero: SileroVad, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")[8_000:88_000]

    as_it_is, quiet = (np.array(measure(silero, speech * np.float32(by))) for by in (1, 0.02))

    assert np.mean(quiet > 0.5) > 0.9 * np.mean(as_it_is > 0.5)


@pytest.mark.parametrize(
    ("level", "heard_level"),
    [
        (0.2, 0.2),  # from a usual level on, as it is
        (0.03, 0.03),
        (0.02, 0.03),
        (0.00375, 0.03),
        (0.001, 0.008),  # not more than eight times
    ],
)
def test_what_is_quiet_is_raised(level: float, heard_level: float) -> None:
    heard = hear(tone(1000, level))

    assert level_of(heard[VAD_RATE_HZ // 2 :]) == pytest.approx(heard_level, rel=0.02)


def test_after_a_loud_burst_the_gain_comes_back_within_seconds_but_not_at_once() -> None:
    quiet = tone(1000, 0.01, seconds=14)
    quiet[:SAMPLE_RATE] = tone(1000, 0.06)

    heard = hear(quiet)

    after_s = {at: heard[at * VAD_RATE_HZ :][: VAD_RATE_HZ // 2] for at in (2, 4, 13)}
    assert level_of(after_s[2]) == pytest.approx(0.01, rel=0.02)  # the pause of a speaker
    assert level_of(after_s[4]) == pytest.approx(0.01, rel=0.02)
    assert level_of(after_s[13]) > 0.025


@pytest.mark.parametrize(
    ("hz", "least_db", "most_db"),
    [(100, -0.5, 0.5), (1000, -0.5, 0.5), (3000, -0.5, 0.5), (5200, -100, -35), (7000, -100, -35)],
)
def test_what_8_khz_cannot_hold_does_not_come_through_as_its_image(
    hz: float, least_db: float, most_db: float
) -> None:
    heard = hear(tone(hz, 0.5))[VAD_RATE_HZ // 4 :]

    assert least_db < 20 * np.log10(level_of(heard) / 0.5) < most_db


@pytest.mark.parametrize("scale", [0.0, 0.001, 0.01, 0.1])
def test_noise_is_no_speech(scale: float, silero: SileroVad) -> None:
    noise = np.random.default_rng(5).standard_normal(32_000).astype(np.float32)

    assert max(measure(silero, noise * np.float32(scale))) < 0.35


@pytest.mark.parametrize("gain", [1, 0.05])
@settings(max_examples=10, deadline=None)
@given(groups=st.lists(st.integers(0, 31), max_size=12).map(sorted))
def test_grouping_frames_into_requests_changes_no_bit(
    gain: float, groups: list[int], silero: SileroVad, read_recording: Callable[[str], Samples]
) -> None:
    samples = read_recording("beckett.wav")[8_000:24_000] * np.float32(gain)

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
