"""The families of speech engines that there are, and all their models.

A new family is a folder beside this file and a line in `FAMILIES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scribewire.engines.moonshine.family import MOONSHINE
from scribewire.models.catalog import SILERO_VAD, Model

if TYPE_CHECKING:
    from scribewire.engines.protocols import Family

FAMILIES: Final[tuple[Family, ...]] = (MOONSHINE,)

DEFAULT_MODEL: Final = MOONSHINE.models[0]
"""What turns speech into text where nobody chose a model."""

MODELS: Final[tuple[Model, ...]] = (
    *(model for family in FAMILIES for model in family.models),
    SILERO_VAD,
)
"""Every model without which something does not work."""
