from __future__ import annotations

import pytest

from scribewire.capacity.load import push
from scribewire.capacity.server_process import own_usage, run_server_process
from scribewire.errors import ServerFault
from scribewire.testing.scripted import draw_pcm


@pytest.mark.slow
async def test_a_server_of_its_own_answers_and_tells_what_it_used() -> None:
    async with run_server_process({"SCRIBEWIRE_LOG_LEVEL": "error"}) as server:
        record = await push(server.target, draw_pcm("." * 50))
        usage = await server.usage()

    assert record.failure == ""
    assert usage.cpu_s > 0
    assert usage.peak_rss_bytes >= usage.rss_bytes > 10_000_000
    assert 0 < usage.engine_cpu_s < usage.cpu_s
    assert server.process.returncode == 0


@pytest.mark.slow
async def test_a_server_that_does_not_come_up_is_a_fault() -> None:
    with pytest.raises(ServerFault, match="has ended"):
        async with run_server_process({"SCRIBEWIRE_MODEL_DIR": "/nowhere"}):
            pass


def test_a_process_knows_what_it_has_used() -> None:
    usage = own_usage(engine_cpu_s=0.5)

    assert usage.cpu_s > 0
    assert usage.engine_cpu_s == 0.5
    assert usage.peak_rss_bytes >= 1_000_000
