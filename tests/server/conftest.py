from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from scribewire.testing.running import RunningServer, run_server


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """A server that hears what `draw_pcm` draws."""
    async with run_server() as running:
        yield running
