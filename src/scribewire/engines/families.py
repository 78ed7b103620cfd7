"""The families of speech engines that there are, and all their models.

A new family is a folder beside this file and a line in `FAMILIES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scribewire.engines.moonshine.family import MOONSHINE
from scribewire.engines.whisper.family import WHISPER
from scribewire.models.catalog import SILERO_VAD, Model

if TYPE_CHECKING:
    from scribewire.engines.protocols import Family

FAMILIES: Final[tuple[Family, ...]] = (MOONSHINE, WHISPER)
"""In order of preference, as their models are: of two for one language, the first serves it."""

DEFAULT_MODEL: Final = FAMILIES[0].models[0]
"""The one that is measured, and fitted."""

MODELS: Final[tuple[Model, ...]] = (
    *(model for family in FAMILIES for model in family.models if model.files),
    SILERO_VAD,
)
"""Every model that comes with the package itself, and without which something does not work."""
