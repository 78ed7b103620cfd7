"""Whoever speaks on any channel is heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from scribewire.audio.mixer import Mixer

if TYPE_CHECKING:
    from scribewire.types import Samples

Numbers: TypeAlias = npt.NDArray[np.floating]

RATE_HZ = 16_000
TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ


def speech(seed: int) -> Samples:
    """Return noise with the slope of speech, at a level of its own."""
    noise = np.random.default_rng(seed).standard_normal(TIME_S.size)
    return (0.1 * np.convolve(noise, np.ones(4) / 2, "same")).astype(np.float32)


def spoken(seconds: float, rate_hz: int) -> Samples:
    """Return noise that comes and goes as syllables do, with a pause after each six."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    syllables = np.sin(np.pi * 4 * time_s) ** 2 * (time_s % 2 < 1.5)
    band = shaped(noise("white", time_s.size, rate_hz, 3), rate_hz, lambda hz: 1.0 * (hz < 4000))
    wave: Samples = (0.2 * syllables * band).astype(np.float32)
    return wave


def noise(kind: str, count: int, rate_hz: int, seed: int = 4) -> Samples:
    white = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    if kind == "white":
        return white
    return shaped(white, rate_hz, lambda hz: 1 / np.sqrt(np.maximum(hz, 1)))


def shaped(samples: Samples, rate_hz: int, gain: Callable[[Numbers], Numbers]) -> Samples:
    spectrum = np.fft.rfft(samples) * gain(np.fft.rfftfreq(samples.size, 1 / rate_hz))
    wave: Samples = np.fft.irfft(spectrum, samples.size).astype(np.float32)
    return wave


def root_mean_square(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def beside_voice(correlation: float) -> Samples:
    """Return as much of VOICE as is said, and of OTHER the rest."""
    rest = np.sqrt(1 - correlation**2)
    wave: Samples = (correlation * VOICE + rest * OTHER).astype(np.float32)
    return wave


def tone(hz: float) -> Samples:
    wave: Samples = (0.5 * np.sin(2 * np.pi * hz * TIME_S)).astype(np.float32)
    return wave


VOICE, OTHER = speech(1), speech(2)
SILENCE = np.zeros_like(VOICE)
RUMBLE = tone(40)


VOICE_48 = spoken(2, 48_000)


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


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
@pytest.mark.parametrize("kind", ["white", "pink"])
@pytest.mark.parametrize("noise_db", [-14, -8, -3, 6])
def test_noise_on_the_other_channel_turns_no_voice_down(
    noise_db: float, kind: str, rate_hz: int
) -> None:
    voice = spoken(8, rate_hz)
    hiss = noise(kind, voice.size, rate_hz)
    hiss *= np.float32(root_mean_square(voice) / root_mean_square(hiss) * 10 ** (noise_db / 20))

    mixed = mix(hiss, voice, rate_hz=rate_hz)

    # beside the mean, which turns both down by 6 dB
    assert level_db(mixed, voice) > -2
    assert level_db(mixed, voice) - level_db(mixed, hiss) > 6


def test_who_speaks_over_the_hiss_of_a_channel_is_heard_after_another() -> None:
    half = 4 * RATE_HZ
    left, right = spoken(8, RATE_HZ), spoken(8, RATE_HZ)[::-1].copy()
    left[half:] = right[:half] = 0
    hiss = noise("white", right.size, RATE_HZ)
    hiss *= np.float32(root_mean_square(right[half:]) / root_mean_square(hiss) * 10 ** (-6 / 20))

    mixed = mix(left, right + hiss)

    assert level_db(mixed[:half], left[:half]) > -2
    assert level_db(mixed[half:], right[half:]) > -2


def test_who_comes_nearer_slowly_is_heard() -> None:
    nearer = VOICE * (TIME_S / TIME_S[-1]).astype(np.float32)

    mixed = mix(np.concatenate([VOICE, SILENCE]), np.concatenate([SILENCE, nearer]))

    assert level_db(mixed[VOICE.size :], nearer) > -1


def test_what_lies_above_speech_takes_no_weight() -> None:
    rate_hz = 48_000
    hiss = shaped(noise("white", 2 * rate_hz, rate_hz), rate_hz, lambda hz: 1.0 * (hz > 6000))
    comes_and_goes = hiss * (np.arange(hiss.size) % 19_200 > 9_600)

    mixed = mix(VOICE_48, comes_and_goes, rate_hz=rate_hz)

    assert level_db(mixed, VOICE_48) > -0.5


def test_what_is_faint_takes_nothing_from_a_steady_sound() -> None:
    faint = spoken(2, RATE_HZ) * np.float32(0.001)

    assert level_db(mix(VOICE, faint), VOICE) == pytest.approx(0, abs=0.2)


def test_who_speaks_far_below_a_steady_sound_is_heard() -> None:
    low = spoken(2, RATE_HZ)
    low *= np.float32(0.1 * root_mean_square(VOICE) / root_mean_square(low))

    assert level_db(mix(VOICE, low), low) > -2


def test_hiss_that_begins_later_takes_no_weight_for_long() -> None:
    voice = spoken(8, RATE_HZ)
    hiss = noise("white", voice.size, RATE_HZ) * np.float32(root_mean_square(voice))
    hiss[:RATE_HZ] = 0

    mixed = mix(voice, hiss)

    settled = slice(3 * RATE_HZ, None)
    assert level_db(mixed[settled], voice[settled]) > -1
    assert level_db(mixed[settled], hiss[settled]) < -6


def test_a_short_word_does_not_silence_who_draws_one_out() -> None:
    word = spoken(2, RATE_HZ) * np.float32(0.1)
    word[: RATE_HZ // 2] = word[RATE_HZ * 3 // 4 :] = 0
    drawn_out = np.where((TIME_S > 0.1) & (TIME_S < 1), VOICE, 0).astype(np.float32)

    assert level_db(mix(drawn_out, word), drawn_out) > -2.5


def test_where_nobody_speaks_the_mix_stays_as_it_was() -> None:
    voice = spoken(8, RATE_HZ)
    hiss = noise("white", voice.size, RATE_HZ) * np.float32(0.01)

    mixed = mix(voice, hiss)

    pause = slice(round(7.6 * RATE_HZ), None)  # with nothing in it but the hiss
    assert not voice[pause].any()
    assert root_mean_square(mixed[pause]) < 0.001


def test_a_gap_in_a_word_does_not_bring_another_channel_up() -> None:
    gap = slice(RATE_HZ // 2, RATE_HZ // 2 + RATE_HZ // 25)  # 40 ms, as before a p or a t
    word = VOICE.copy()
    word[gap] = 0

    mixed = mix(word, OTHER * np.float32(0.1))

    assert level_db(mixed[gap], OTHER[gap] * np.float32(0.1)) < -9


def test_a_channel_is_turned_round_for_the_others_though_the_first_is_silent() -> None:
    assert level_db(mix(SILENCE, VOICE, -VOICE), VOICE) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("correlation", [-0.5, -0.2, 0.5])
def test_a_wide_recording_is_mixed_by_its_mean(correlation: float) -> None:
    other = beside_voice(correlation)

    assert mix(VOICE, other) == pytest.approx((VOICE + other) / 2, abs=1e-7)


def test_a_turned_channel_is_turned_back_once_it_no_longer_runs_against_the_other() -> None:
    parts = [-VOICE, beside_voice(-0.5), beside_voice(-0.15)]

    mixed = mix(np.tile(VOICE, 3), np.concatenate(parts))

    _, wide, wider = np.split(mixed, 3)
    settled = slice(RATE_HZ // 2, None)
    assert wide[settled] == pytest.approx(((VOICE - parts[1]) / 2)[settled], abs=1e-7)
    assert wider[settled] == pytest.approx(((VOICE + parts[2]) / 2)[settled], abs=1e-7)


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
