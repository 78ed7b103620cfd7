from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import kaldi_native_fbank
import numpy as np
import pytest

from scribewire.engines.fbank import BANDS, SILENCE, mel_features
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.fbank import Features
    from scribewire.types import Samples


def kaldi_features(samples: Samples) -> Features:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = BANDS
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE, (samples * 32768).tolist())
    bank.input_finished()
    frames = np.stack([bank.get_frame(index) for index in range(bank.num_frames_ready)])
    return np.asarray(frames - frames.mean(axis=0), np.float32)


NOISE = np.random.default_rng(3).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
TONE = (0.5 * np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 440 / SAMPLE_RATE)).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [NOISE, TONE + np.float32(0.2), NOISE[:400], NOISE[:559], NOISE * np.float32(1e-4)],
    ids=["noise", "a tone beside zero", "one frame", "one frame and a bit", "very quiet"],
)
def test_features_are_those_of_kaldi(samples: Samples) -> None:
    assert np.allclose(mel_features(samples), kaldi_features(samples), rtol=0, atol=2e-3)


def test_the_features_of_speech_are_those_of_kaldi(
    read_recording: Callable[[str], Samples],
) -> None:
    samples = read_recording("beckett.wav")[: 3 * SAMPLE_RATE]

    assert np.allclose(mel_features(samples), kaldi_features(samples), rtol=0, atol=5e-3)


@pytest.mark.parametrize("size", [0, 1, 399])
def test_less_than_a_window_has_no_frame(size: int) -> None:
    assert mel_features(NOISE[:size]).shape == (0, BANDS)


def test_silence_has_no_features() -> None:
    assert np.abs(mel_features(np.zeros(1600, np.float32))).max() < SILENCE
