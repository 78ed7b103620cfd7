from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def beckett() -> Path:
    """A recording of 12 s that comes with the default model."""
    distribution = metadata.distribution("moonshine-voice")
    return Path(str(distribution.locate_file("moonshine_voice/assets/beckett.wav")))
