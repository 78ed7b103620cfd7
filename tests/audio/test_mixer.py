"""Whoever speaks on any channel is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.audio.mixer import Mixer

if TYPE_CHECKING:
    from scribewire.types import Samples

RATE_HZ = 16_000
TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ


def speech(seed: int) -> Samples:
    """Return noise with the slope of speech, at a level of its own."""
    noise = np.random.default_rng(seed).standard_normal(TIME_S.size)
    return (0.1 * np.convolve(noise, np.ones(4) / 2, "same")).astype(np.float32)


def tone(hz: float) -> Samples:
    wave: Samples = (0.5 * np.sin(2 * np.pi * hz * TIME_S)).astype(np.float32)
    return wave


VOICE, OTHER = speech(1), speech(2)
SILENCE = np.zeros_like(VOICE)
RUMBLE = tone(40)


def mix(*channels: Samples, rate_hz: int = RATE_HZ) -> Samples:
    mixer = Mixer(len(channels), rate_hz)
    mixed = mixer.receive_blocks(np.stack(channels, axis=1))
    return np.concatenate([mixed, mixer.receive_end()])


def level_db(mixed: Samples, voice: Samples) -> float:
    """Return how loud a voice is in a mix, beside the voice alone."""
    gain = np.dot(mixed.astype(np.float64), voice) / np.dot(voice.astype(np.float64), voice)
    return float(20 * np.log10(abs(gain) + 1e-9))


@pytest.mark.parametrize(
    ("channels", "least_db"),
    [
        ((VOICE, VOICE), 0.0),  # mono in two channels
        ((VOICE, -VOICE), 0.0),  # wired the wrong way round
        ((VOICE, -VOICE * np.float32(0.7)), -1.5),
        ((VOICE, SILENCE), 0.0),
        ((SILENCE, VOICE), 0.0),
        ((VOICE, VOICE * np.float32(0.25)), -2.5),  # 12 dB weaker
        ((SILENCE, SILENCE, VOICE, SILENCE, SILENCE, SILENCE), 0.0),  # the centre of 5.1
        ((SILENCE, SILENCE, VOICE, RUMBLE, SILENCE, SILENCE), -2.0),  # and its low effects
    ],
)
def test_a_voice_keeps_its_level(channels: tuple[Samples, ...], least_db: float) -> None:
    mixed = mix(*channels)

    assert least_db - 0.1 <= level_db(mixed, VOICE) < 0.1


def test_rumble_is_weighed_by_what_is_heard_of_it() -> None:
    mixed = mix(SILENCE, SILENCE, VOICE, RUMBLE, SILENCE, SILENCE)

    assert level_db(mixed, RUMBLE) < -10


def test_two_who_take_turns_on_two_channels_are_both_heard() -> None:
    half = VOICE.size // 2
    left, right = VOICE.copy(), OTHER.copy() / np.float32(4)
    left[half:] = right[:half] = 0

    mixed = mix(left, right)

    assert level_db(mixed[:half], left[:half]) == pytest.approx(0, abs=0.1)
    assert level_db(mixed[half:], right[half:]) > -4
    assert level_db(mixed[half + RATE_HZ // 2 :], right[half + RATE_HZ // 2 :]) > -1.5


def test_two_who_speak_at_once_are_both_heard() -> None:
    mixed = mix(VOICE, OTHER)

    assert mixed == pytest.approx((VOICE + OTHER) / 2)


def test_ordinary_stereo_is_mixed_by_its_mean() -> None:
    left, right = VOICE + OTHER * np.float32(0.4), VOICE - OTHER * np.float32(0.4)

    assert mix(left, right) == pytest.approx((left + right) / 2, abs=1e-7)


def test_a_channel_that_turns_round_in_the_middle_is_followed_without_a_click() -> None:
    turned = VOICE.copy()
    turned[VOICE.size // 2 :] *= -1
    smooth = tone(200)
    other = np.concatenate([-smooth[: VOICE.size // 2], smooth[VOICE.size // 2 :]])

    assert level_db(mix(VOICE, turned), VOICE) > -2
    steps = np.abs(np.diff(mix(smooth, other)))
    assert steps.max() < 0.1


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_the_mix_does_not_depend_on_how_the_audio_was_cut(channels: int, rate_hz: int) -> None:
    random = np.random.default_rng(channels)
    samples = (random.standard_normal((9_999, channels)) * 0.1).astype(np.float32)
    samples[4_000:, 0] *= -0.1
    cuts = np.sort(random.integers(0, 9_999, 40))
    mixer = Mixer(channels, rate_hz)

    pieces = [mixer.receive_blocks(piece) for piece in np.split(samples, cuts)]
    mixed = np.concatenate([*pieces, mixer.receive_end()])

    assert mixed.size == 9_999
    assert mixed.tolist() == mix(*samples.T, rate_hz=rate_hz).tolist()


def test_nothing_gives_nothing() -> None:
    mixer = Mixer(2, RATE_HZ)

    assert mixer.receive_blocks(np.empty((0, 2), np.float32)).size == 0
    assert mixer.receive_end().size == 0


def test_silence_stays_silence() -> None:
    assert not mix(SILENCE, SILENCE).any()
