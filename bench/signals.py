"""Sounds that machines make to be heard: tones, sirens, modems. Nobody speaks in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

Wave: TypeAlias = npt.NDArray[np.float64]

SECONDS = 8.0
PEAK = 0.3  # as loud as speech
_TIME_S: Final[Wave] = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
_DTMF_HZ = ((697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477), (852, 1209))


def make_signal(name: str) -> Samples:
    """Return one of `SIGNALS`, always the same."""
    wave = SIGNALS[name]()
    samples: Samples = (wave * (PEAK / np.max(np.abs(wave)))).astype(np.float32)
    return samples


def _tone(*frequencies_hz: float) -> Wave:
    tones = np.outer(frequencies_hz, 2 * np.pi * _TIME_S)
    wave: Wave = np.sin(tones).sum(axis=0)
    return wave


def _gated(wave: Wave, on_s: float, off_s: float) -> Wave:
    return wave * (_TIME_S % (on_s + off_s) < on_s)


def _voiced_by(frequency_hz: Wave) -> Wave:
    return np.sin(2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE)


def _siren(low_hz: float, high_hz: float, period_s: float) -> Wave:
    rise = (1 - np.cos(2 * np.pi * _TIME_S / period_s)) / 2
    return _voiced_by(low_hz + (high_hz - low_hz) * rise)


def _two_tones(first_hz: float, second_hz: float, each_s: float) -> Wave:
    is_first = _TIME_S % (2 * each_s) < each_s
    return _voiced_by(np.where(is_first, first_hz, second_hz))


def _sweep(low_hz: float, high_hz: float) -> Wave:
    return _voiced_by(low_hz * (high_hz / low_hz) ** (_TIME_S / SECONDS))


def _keyed(mark_hz: float, space_hz: float, baud: float) -> Wave:
    """Frequency-shift keying of random bits, as old modems do."""
    bits = np.random.default_rng(1).integers(0, 2, round(SECONDS * baud) + 1)
    sent = bits[(_TIME_S * baud).astype(int)]
    return _voiced_by(np.where(sent, mark_hz, space_hz))


def _phase_keyed(carrier_hz: float, baud: float) -> Wave:
    quarters = np.random.default_rng(2).integers(0, 4, round(SECONDS * baud) + 1)
    phase = quarters[(_TIME_S * baud).astype(int)] * np.pi / 2
    wave: Wave = np.sin(2 * np.pi * carrier_hz * _TIME_S + phase)
    return wave


def _digits() -> Wave:
    each = (_TIME_S / 0.2).astype(int)
    pairs = np.array(_DTMF_HZ)[each % len(_DTMF_HZ)]
    wave: Wave = np.sin(2 * np.pi * pairs * _TIME_S[:, np.newaxis]).sum(axis=1)
    return _gated(wave, 0.1, 0.1)


def _morse() -> Wave:
    dots = "1011101110111000101010001110101110001110111011100010111010001110001"
    keyed = np.array([int(dot) for dot in dots])[(_TIME_S / 0.06).astype(int) % len(dots)]
    wave: Wave = _tone(700) * keyed
    return wave


SIGNALS: Final[Mapping[str, Callable[[], Wave]]] = {
    "tone 100 Hz": lambda: _tone(100),
    "tone 440 Hz": lambda: _tone(440),
    "tone 1 kHz": lambda: _tone(1000),
    "tone 3 kHz": lambda: _tone(3000),
    "tone 7 kHz": lambda: _tone(7000),
    "dial tone": lambda: _tone(350, 440),
    "ringing": lambda: _gated(_tone(440, 480), 2, 4),
    "busy": lambda: _gated(_tone(480, 620), 0.5, 0.5),
    "dialled digits": _digits,
    "fax calling": lambda: _gated(_tone(1100), 0.5, 3),
    "fax answering": lambda: _tone(2100),
    "modem, 300 baud": lambda: _keyed(1270, 1070, 300),
    "modem, 1200 baud": lambda: _keyed(1300, 2100, 1200),
    "modem, phase": lambda: _phase_keyed(1800, 1600),
    "morse": _morse,
    "beeps": lambda: _gated(_tone(2000), 0.1, 0.4),
    "sweep": lambda: _sweep(50, 7500),
    "siren, wail": lambda: _siren(500, 1500, 4),
    "siren, yelp": lambda: _siren(500, 1500, 0.35),
    "siren, two tones": lambda: _two_tones(435, 580, 0.6),
    "chord": lambda: _tone(261.6, 329.6, 392.0, 523.3),
}
"""By name."""
