"""How much audio a session may still bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.errors import ClientFault
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.keys.access import KeyUse
    from scribewire.types import Samples


class AudioAllowance:
    """Counts the audio of one session, up to what its key or its token allows.

    `use` counts it for the key, whose sessions share what they may have in a day.
    """

    def __init__(
        self,
        max_audio_s: float | None,
        use: KeyUse | None = None,
        *,
        heard_samples: int = 0,
        counted_samples: int = 0,
    ) -> None:
        self.received_samples = heard_samples
        """What was let through, and heard before at another process."""
        self._use = use
        self._counted_samples = counted_samples  # for its key, at another process
        self._max_samples = None if max_audio_s is None else round(max_audio_s * SAMPLE_RATE)

    def let_through(self, samples: Samples) -> Samples:
        """Return what of this audio may be heard."""
        if self._max_samples is not None:
            samples = samples[: max(0, self._max_samples - self.received_samples)]
        if self._use is not None:
            counted = max(0, min(len(samples), self._counted_samples - self.received_samples))
            samples = samples[: counted + self._use.admit(len(samples) - counted)]
        self.received_samples += len(samples)
        return samples

    def check(self) -> None:
        """Raise ClientFault once there is no audio left that may be heard."""
        if self._max_samples is not None and self.received_samples >= self._max_samples:
            minutes = f"{self._max_samples / SAMPLE_RATE / 60:g}"
            raise ClientFault(
                f"minutes: this key allows {minutes} of audio in a session, which have been heard"
            )
        if self._use is not None:
            self._use.check()
