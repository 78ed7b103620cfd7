from __future__ import annotations

import numpy as np

from scribewire.engines.waveform import clean_samples


def test_good_samples_are_not_even_copied() -> None:
    samples = np.array([0.0, -1.0, 1.0], np.float32)

    assert clean_samples(samples) is samples


def test_what_is_no_number_is_silence_and_what_is_too_loud_is_full_scale() -> None:
    samples = np.array([np.nan, np.inf, -np.inf, 1e30, -1.5, 0.25], np.float32)
    before = samples.copy()

    cleaned = clean_samples(samples)

    assert cleaned.tolist() == [0.0, 0.0, 0.0, 1.0, -1.0, 0.25]
    assert cleaned.dtype == np.float32
    assert np.array_equal(samples, before, equal_nan=True)


def test_no_samples_are_good_samples() -> None:
    assert clean_samples(np.empty(0, np.float32)).size == 0
