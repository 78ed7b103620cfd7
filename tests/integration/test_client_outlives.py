"""Both Python clients go on at the next server where theirs was killed, from its journal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scribewire.client import ConnectionState
from tests.integration.test_client_moves import Run, Talk, assert_whole, both, talking, url_of
from tests.integration.test_journal import KEY, serving
from tests.parts.cutting_proxy import CuttingProxy, run_cutting_proxy

pytestmark = pytest.mark.slow


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def serve_again(journal: Path, proxy: CuttingProxy, talk: Talk) -> None:
    async with serving(journal) as (_, url):
        proxy.upstream_port = port_of(url)
        while not talk.has_ended:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


@both
async def test_a_server_that_is_killed_loses_no_word_where_it_has_a_journal(
    tmp_path: Path, run: Run
) -> None:
    journal = tmp_path / "journal"
    async with run_cutting_proxy(1) as proxy, serving(journal) as (first, url):
        proxy.upstream_port = port_of(url)
        talk = Talk(url_of(proxy), key=KEY)
        async with talking(talk, run):
            first.kill()
            await first.communicate()
            proxy.upstream_port = 1  # nobody, until it has been started again
            await serve_again(journal, proxy, talk)

    assert_whole(talk)
    assert talk.attempts
    assert talk.states.count(ConnectionState.LISTENING) == 2
