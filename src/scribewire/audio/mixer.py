"""Several channels to one, so that who speaks on any of them is heard.

Theory of operation. The mean of the channels loses speech: what is on one of two channels becomes
quieter by 6 dB, in the centre of 5.1 by 16 dB, and a channel that was wired the wrong way round
takes the other one away. So each channel has a weight and a sign, and both are found in the band of
speech, where rumble is small and the rate of the recording changes nothing. Weights follow how far
a channel has risen above its own floor in the last tenth of a second: those within 6 dB of the
highest count in full, and then the mix is the mean, the others count less and less. The floor is
the least of the last two seconds, so hiss and hum, which never rise, take no weight from who
speaks; where nobody does, weights stay; until somebody has, they follow how loud a channel is. A
channel that runs against the loudest is turned round.

All is found for blocks of a fixed length that begin with the stream, so it does not depend on how
the audio was cut; inside a block weights move in a straight line, so nothing clicks. What has not
filled a block yet is held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.fft import rfft, rfftfreq  # loaded now: a decoder process opens no file later

if TYPE_CHECKING:
    from scribewire.types import Samples

Numbers: TypeAlias = npt.NDArray[np.float64]

BLOCK_S = 0.02
_MEMORY_BLOCKS = 5  # a syllable: who answers more quietly on another channel is heard soon
_BAND_HZ = (300, 3400)  # what a telephone carries
_FLOOR_BLOCKS = 50  # the floor is the least of one to two seconds: nobody speaks evenly for so long
_LEAST_RISE = 4.0  # of the floor, in power: 6 dB, for noise is not quite even either
_FAINT_RATIO = 1e-4  # what rises 40 dB below another channel is not speech beside it
_FULL_RATIO = 0.5  # of the highest channel's amplitude: from here on a channel counts in full
_TAKE_OVER_RATIO = 0.5  # when the channel that signs are relative to is as quiet as that, it goes
# A channel is turned round below the one correlation and back above the other: between them lie
# wide recordings, whose correlation wanders about zero.
_INVERTED, _UPRIGHT = -0.7, -0.3
_SILENCE = 1e-12  # power: far below what 24 bits can say


class Mixer:
    """Mix one stream. The same samples give the same mix, however they are cut."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._channels = channels
        self._block = max(1, round(BLOCK_S * rate_hz))
        self._held = np.empty((0, channels), np.float32)  # less than a block
        hz = rfftfreq(self._block, 1 / rate_hz)
        self._band = slice(*np.searchsorted(hz, _BAND_HZ))
        window = np.hanning(self._block)[:, np.newaxis]  # without it rumble leaks into the band
        self._window: Numbers = window / np.sqrt(np.sum(window**2) * self._block / 2)
        self._covariance: Numbers | None = None  # in the band, of late; None before the first block
        self._floors = _Floors(channels)
        self._shares: Numbers | None = None  # of full weight; None before anybody has spoken
        self._signs: Numbers = np.ones(channels)
        self._reference = 0  # the channel that signs are relative to
        self._weights: Numbers | None = None  # at the end of the last block; None before the first

    def receive_blocks(self, samples: Samples) -> Samples:
        """Return what can be mixed so far of samples of shape (count, channels)."""
        if self._channels == 1:
            return samples[:, 0]
        joined = np.concatenate([self._held, samples])
        whole = len(joined) - len(joined) % self._block
        self._held = joined[whole:].copy()
        mixed = [
            self._mix(joined[start : start + self._block]) for start in range(0, whole, self._block)
        ]
        return np.concatenate([np.empty(0, np.float32), *mixed])

    def receive_end(self) -> Samples:
        """Return what was held back. Nothing may be received afterwards."""
        held = self._held
        return self._mix(held) if len(held) else np.empty(0, np.float32)

    def _mix(self, block: Samples) -> Samples:
        covariance = self._listen(block)
        shares = self._find_shares(np.diagonal(covariance))
        self._turn_round(covariance)
        weights: Numbers = self._signs * shares / shares.sum()
        before = weights if self._weights is None else self._weights
        self._weights = weights
        if np.array_equal(before, weights):
            return _add_up(block, weights.astype(np.float32))
        moved = np.arange(1, len(block) + 1)[:, np.newaxis] / len(block)
        return _add_up(block, (before + (weights - before) * moved).astype(np.float32))

    def _listen(self, block: Samples) -> Numbers:
        spectra = rfft(block * self._window[: len(block)], self._block, axis=0)[self._band]
        found: Numbers = np.einsum("ti,tj->ij", spectra.conj(), spectra).real
        if self._covariance is not None:
            found = self._covariance + (found - self._covariance) / _MEMORY_BLOCKS
        self._covariance = found
        return found

    def _turn_round(self, covariance: Numbers) -> None:
        powers = np.diagonal(covariance)
        loudest = int(np.argmax(powers))
        if powers[self._reference] < _TAKE_OVER_RATIO**2 * powers[loudest]:
            self._reference = loudest
        scale = np.sqrt(powers * powers[self._reference]) + _SILENCE
        upright = self._signs * self._signs[self._reference]
        correlation = covariance[self._reference] / scale
        upright = np.where(correlation < _INVERTED, -1.0, upright)
        upright = np.where(correlation > _UPRIGHT, 1.0, upright)
        self._signs = upright * self._signs[self._reference]

    def _find_shares(self, powers: Numbers) -> Numbers:
        risen = powers - _LEAST_RISE * self._floors.receive_powers(powers)
        if risen.max() > _FAINT_RATIO * powers.max():
            self._shares = _shares_of(np.maximum(risen, 0))
        return _shares_of(powers) if self._shares is None else self._shares


def _shares_of(powers: Numbers) -> Numbers:
    amplitudes = np.sqrt(powers) + _SILENCE
    shares: Numbers = np.minimum(amplitudes / (_FULL_RATIO * amplitudes.max()), 1.0)
    return shares


class _Floors:
    """The least power of each channel in the last seconds."""

    def __init__(self, channels: int) -> None:
        self._before: Numbers = np.full(channels, np.inf)  # in the last whole `_FLOOR_BLOCKS`
        self._now: Numbers = np.full(channels, np.inf)  # since then
        self._blocks = 0

    def receive_powers(self, powers: Numbers) -> Numbers:
        """Add a block, and return the floors with it."""
        if self._blocks == _FLOOR_BLOCKS:
            self._before, self._now = self._now, np.full(len(powers), np.inf)
            self._blocks = 0
        self._blocks += 1
        self._now = np.minimum(self._now, powers)
        return np.minimum(self._before, self._now)


def _add_up(block: Samples, weights: Samples) -> Samples:
    """Return the weighted sum over the channels; weights are of all samples, or of each."""
    # Column by column: numpy's own sum may add in another order for another count of blocks.
    total = block[:, 0] * weights[..., 0]
    for channel in range(1, block.shape[1]):
        total = total + block[:, channel] * weights[..., channel]
    mixed: Samples = total
    return mixed
