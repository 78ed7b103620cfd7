from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from scribewire.audio.local_decoder import read_audio
from scribewire.audio.pcm import encode_pcm


@pytest.fixture(scope="session")
def speech() -> bytes:
    """A recording of 12 s that comes with the default model, as PCM."""
    distribution = metadata.distribution("moonshine-voice")
    path = Path(str(distribution.locate_file("moonshine_voice/assets/beckett.wav")))
    return encode_pcm(np.concatenate(list(read_audio(path))))
