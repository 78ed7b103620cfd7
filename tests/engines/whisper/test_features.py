from __future__ import annotations

import numpy as np
import pytest

from scribewire.engines.whisper.features import log_mel
from scribewire.types import SAMPLE_RATE

BANDS = (0, 10, 20, 40, 60, 79, -1)
FRAMES = (0, 30, 49, 50, 80, 99)
# What the feature extractors of Whisper's other implementations give for `tones()`.
REFERENCE = {
    80: [
        [0.8724, -0.6727, -0.4744, 0.036, -0.6727, 0.3704],
        [1.2253, 1.2378, 1.2378, 1.2378, 1.2378, 1.2395],
        [0.707, -0.6727, -0.4574, 0.0531, -0.6727, 0.2193],
        [0.3073, -0.6727, -0.3706, 0.1394, -0.6727, -0.2875],
        [-0.014, -0.6727, -0.2908, 0.2189, -0.6727, -0.2595],
        [-0.1926, -0.6727, -0.6478, -0.1376, -0.6727, -0.545],
        [-0.1926, -0.6727, -0.6478, -0.1376, -0.6727, -0.545],
    ],
    128: [
        [0.7966, -0.6256, -0.5502, -0.0397, -0.6256, 0.2946],
        [0.8749, -0.6256, -0.5482, -0.0382, -0.6256, 0.3318],
        [1.2194, 1.1765, 1.1765, 1.1765, 1.1765, 1.1801],
        [0.6363, -0.6256, -0.3951, 0.1148, -0.6256, 0.1142],
        [0.3451, -0.6256, -0.4005, 0.1104, -0.6256, -0.218],
        [0.1408, -0.6256, -0.2247, 0.2899, -0.6256, -0.4662],
        [-0.1931, -0.6256, -0.6256, -0.1383, -0.6256, -0.5456],
    ],
}


def tones() -> np.typing.NDArray[np.float32]:
    """Return a second of a low tone, and of a high one from its middle on."""
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    high = 0.1 * np.sin(2 * np.pi * 3000 * times) * (times > 0.5)
    return (0.3 * np.sin(2 * np.pi * 440 * times) + high).astype(np.float32)


@pytest.mark.parametrize("n_mels", REFERENCE)
def test_the_numbers_are_the_reference_s(n_mels: int) -> None:
    found = log_mel(tones(), n_mels)

    assert found.shape == (n_mels, 100)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[np.ix_(BANDS, FRAMES)], REFERENCE[n_mels], atol=2e-4)


def test_silence_is_one_level() -> None:
    found = log_mel(np.zeros(SAMPLE_RATE, np.float32), 80)

    np.testing.assert_allclose(found, -1.5, atol=1e-6)


def test_a_begun_hop_makes_no_frame() -> None:
    assert log_mel(np.zeros(1599, np.float32), 80).shape == (80, 9)
