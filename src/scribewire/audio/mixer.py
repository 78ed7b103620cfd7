"""Several channels to one, so that who speaks on any of them is heard.

Theory of operation. The mean of the channels loses speech: what is on one of two channels becomes
quieter by 6 dB, in the centre of 5.1 by 16 dB, and a channel that was wired the wrong way round
takes the other one away. So each channel has a weight and a sign. Weights follow how loud a channel
has been in the last tenth of a second: those within 6 dB of the loudest count in full, and then the
mix is the mean, the others count less and less. Loudness is that of the differences between
samples, in which rumble and hum are small. A channel whose differences run against those of the
loudest is turned round.

Both are found for blocks of a fixed length that begin with the stream, so they do not depend on how
the audio was cut; inside a block weights move in a straight line, so nothing clicks. What has not
filled a block yet is held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scribewire.types import Samples

Numbers: TypeAlias = npt.NDArray[np.float64]

BLOCK_S = 0.02
_MEMORY_BLOCKS = 5  # a syllable: who answers more quietly on another channel is heard soon
_FULL_RATIO = 0.5  # of the loudest channel's amplitude: from here on a channel counts in full
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
        self._last = np.zeros((1, channels), np.float32)  # the last sample of each channel
        self._covariance: Numbers = np.zeros((channels, channels))  # of the differences, of late
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
        self._listen(block)
        weights = self._find_weights()
        before = weights if self._weights is None else self._weights
        self._weights = weights
        if np.array_equal(before, weights):
            return _add_up(block, weights.astype(np.float32))
        moved = np.arange(1, len(block) + 1)[:, np.newaxis] / len(block)
        return _add_up(block, (before + (weights - before) * moved).astype(np.float32))

    def _listen(self, block: Samples) -> None:
        differences = np.diff(np.concatenate([self._last, block]).astype(np.float64), axis=0)
        self._last = block[-1:].copy()
        found = np.einsum("ti,tj->ij", differences, differences) / len(block)
        self._covariance += (found - self._covariance) / _MEMORY_BLOCKS
        self._turn_round()

    def _turn_round(self) -> None:
        powers = np.diagonal(self._covariance)
        loudest = int(np.argmax(powers))
        if powers[self._reference] < _TAKE_OVER_RATIO**2 * powers[loudest]:
            self._reference = loudest
        scale = np.sqrt(powers * powers[self._reference]) + _SILENCE
        upright = self._signs * self._signs[self._reference]
        correlation = self._covariance[self._reference] / scale
        upright = np.where(correlation < _INVERTED, -1.0, upright)
        upright = np.where(correlation > _UPRIGHT, 1.0, upright)
        self._signs = upright * self._signs[self._reference]

    def _find_weights(self) -> Numbers:
        amplitudes = np.sqrt(np.diagonal(self._covariance)) + _SILENCE
        shares = np.minimum(amplitudes / (_FULL_RATIO * amplitudes.max()), 1.0)
        weights: Numbers = self._signs * shares / shares.sum()
        return weights


def _add_up(block: Samples, weights: Samples) -> Samples:
    """Return the weighted sum over the channels; weights are of all samples, or of each."""
    # Column by column: numpy's own sum may add in another order for another count of blocks.
    total = block[:, 0] * weights[..., 0]
    for channel in range(1, block.shape[1]):
        total = total + block[:, channel] * weights[..., channel]
    mixed: Samples = total
    return mixed
