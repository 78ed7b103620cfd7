from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from scribewire.audio.resampler import Resampler, find_joint

if TYPE_CHECKING:
    from scribewire.types import Samples

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]


def noise(count: int, scale: float = 0.1) -> Samples:
    return (np.random.default_rng(count).standard_normal(count) * scale).astype(np.float32)


def resample(samples: Samples, rate_hz: int, cuts: list[int]) -> Samples:
    resampler = Resampler(rate_hz)
    pieces = [resampler.receive_samples(piece) for piece in np.split(samples, cuts)]
    return np.concatenate([*pieces, resampler.receive_end()])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_second_stays_a_second(rate_hz: int) -> None:
    assert resample(noise(rate_hz), rate_hz, []).size == 16_000


@pytest.mark.parametrize("rate_hz", [rate for rate in RATES_HZ if rate != 16_000])
def test_a_stream_sounds_as_the_whole_file_does(rate_hz: int) -> None:
    samples = noise(rate_hz)

    whole = soxr.resample(samples, rate_hz, 16_000, quality="HQ")

    np.testing.assert_allclose(resample(samples, rate_hz, [100, 5000]), whole, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    cuts=st.lists(st.integers(0, 12_000), max_size=40).map(sorted),
)
def test_cutting_changes_no_bit(rate_hz: int, cuts: list[int]) -> None:
    samples = noise(12_000)

    assert np.array_equal(resample(samples, rate_hz, cuts), resample(samples, rate_hz, []))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_one_sample_at_a_time_changes_no_bit(rate_hz: int) -> None:
    samples = noise(3_000)

    by_one = resample(samples, rate_hz, list(range(1, samples.size)))

    assert np.array_equal(by_one, resample(samples, rate_hz, []))


def test_what_the_filter_overshoots_is_clipped() -> None:
    square = np.sign(np.sin(np.arange(8_000) / 5)).astype(np.float32)

    assert np.abs(resample(square, 8_000, [])).max() == 1.0


def test_the_right_rate_passes_untouched() -> None:
    samples = noise(100)

    assert resample(samples, 16_000, [10]).tolist() == samples.tolist()


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_no_audio_has_no_tail(rate_hz: int) -> None:
    assert resample(noise(0), rate_hz, []).size == 0


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 32_000, 48_000])
@pytest.mark.parametrize("sample", [0, 1, 3_999, 4_001, 16_384, 61_443, 79_999])
def test_one_that_joins_in_the_midst_changes_no_bit(rate_hz: int, sample: int) -> None:
    samples = noise(rate_hz * 5, scale=0.3)
    joint = find_joint(rate_hz, sample)
    assert joint is not None

    joined = resample(samples[joint.begin :], rate_hz, [1000])[joint.skipped :]

    assert np.array_equal(joined, resample(samples, rate_hz, [])[sample:])
    assert joint.begin >= (sample - 7_000) * rate_hz // 16_000


def test_of_other_rates_no_joint_is_known() -> None:
    assert find_joint(44_100, 1000) is None
