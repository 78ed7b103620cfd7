from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from scribewire.audio.local_decoder import read_audio
from scribewire.audio.pcm import encode_pcm
from scribewire.engines.engines import Engines
from scribewire.engines.loader import load_engines
from scribewire.testing.running import RunningServer
from tests.parts.clustered import run_one
from tests.parts.nats_server import NatsServer


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """Those of a server as it comes; they hold nothing of whom they have heard."""
    engines = load_engines()
    yield engines
    engines.close()


@pytest.fixture(scope="session")
def speech() -> bytes:
    """A recording of 12 s that comes with the default model, as PCM."""
    distribution = metadata.distribution("moonshine-voice")
    path = Path(str(distribution.locate_file("moonshine_voice/assets/beckett.wav")))
    return encode_pcm(np.concatenate(list(read_audio(path))))


@pytest.fixture
async def first(nats: NatsServer) -> AsyncIterator[RunningServer]:
    """One server of a cluster."""
    async with run_one(nats) as server:
        yield server


@pytest.fixture
async def second(nats: NatsServer) -> AsyncIterator[RunningServer]:
    """Another one of the same cluster."""
    async with run_one(nats) as server:
        yield server
