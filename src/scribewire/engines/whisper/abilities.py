"""What every Whisper model can do, told without loading one or the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scribewire.recognition.traits import Traits
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.protocols import Device

MIN_SAMPLES: Final = SAMPLE_RATE // 10  # of less it makes up words
WINDOW_SAMPLES: Final = 30 * SAMPLE_RATE
"""The longest that it was trained on."""
MAX_SAMPLES: Final = WINDOW_SAMPLES - SAMPLE_RATE
"""Of speech: it does not find the end of what has no silence behind it."""
MAX_WIDTH: Final = 8
COMPARED_LANGUAGES: Final = frozenset({"en", "nl", "fr", "de"})
"""What a language is checked against besides those that an engine serves: one alone is always the
likeliest."""


def traits_of(languages: frozenset[str], device: Device | None) -> Traits:
    """Return what an engine of any Whisper model can do that is to serve these languages.

    `device` is where it runs; None: its load decides.
    """
    return Traits(
        languages=languages,
        min_window_samples=MIN_SAMPLES,
        max_window_samples=MAX_SAMPLES,
        takes_context=True,
        takes_prompt=True,
        tells_language=len(languages) > 1,
        takes_draft=False,
        max_width=MAX_WIDTH,
        gives_times=True,
        is_streaming=False,
        device=device,
    )
