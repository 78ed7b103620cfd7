"""What every test shares: a cache folder that is not the developer's own, and no stopwatch."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from scribewire.testing.running import RunningServer, run_server
from tests.parts.decoding import DECODERS

# How long an example takes says more about the machine than about the code.
settings.register_profile("scribewire", deadline=None)
settings.load_profile("scribewire")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_this_run() -> Iterator[None]:
    """Have model files prepared by the code under test, not by some earlier one."""
    with (
        tempfile.TemporaryDirectory(prefix="scribewire-tests-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_CACHE_HOME", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _decoders_of_this_run() -> Iterator[None]:
    with DECODERS:
        yield


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """A server that hears what `draw_pcm` draws."""
    async with run_server() as running:
        yield running
