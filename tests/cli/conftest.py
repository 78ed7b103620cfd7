from __future__ import annotations

import os
import wave
from importlib import metadata
from pathlib import Path

import pytest

from tests.parts.wav import wav


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SCRIBEWIRE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def beckett_pcm() -> bytes:
    """The first 9 s of a recording that comes with the default model."""
    distribution = metadata.distribution("moonshine-voice")
    whole = str(distribution.locate_file("moonshine_voice/assets/beckett.wav"))
    with wave.open(whole, "rb") as file:
        assert file.getparams()[:3] == (1, 2, 16_000)
        return file.readframes(9 * 16_000)


@pytest.fixture(scope="session")
def beckett(beckett_pcm: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("speech") / "beckett.wav"
    path.write_bytes(wav(beckett_pcm))
    return path
