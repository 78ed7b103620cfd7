"""A key that is bound to hosts is not led elsewhere, by whatever its sources say."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scribewire.grants import Grant
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.raw_origin import head, live, run_raw_origin
from tests.parts.wav import wav

SPEECH = wav(draw_pcm("." * 5 + "hello" * 3))
ALLOWED, OTHER = "127.0.0.2", "127.0.0.3"
# What stands at the address of the key's own host, and leads to URL.
LEADS = {
    "redirect": head("302 Found", "Location: URL"),
    "segment": live(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nURL\n#EXT-X-ENDLIST\n"),
}


async def make_key(server: RunningServer, hosts: frozenset[str]) -> str:
    grant = Grant(name="lobby", source_hosts=hosts)
    made = await server.services.keys.call(lambda books: books.store.create(grant, now=time.time()))
    return made.key


@pytest.mark.slow
@pytest.mark.parametrize("lead", LEADS)
async def test_a_key_is_not_led_to_a_host_that_it_may_not_have_streams_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lead: str
) -> None:
    caplog.set_level("INFO", "scribewire.session")
    database = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    async with (
        run_raw_origin(host=ALLOWED) as own,
        run_raw_origin(live(SPEECH), host=OTHER) as other,
        run_server(keys=(), database=database, allow_source=(ALLOWED, OTHER)) as server,
    ):
        own.paths["/start"] = LEADS[lead].replace(b"URL", other.url("/talk.wav").encode())
        heard = []
        for hosts in ({ALLOWED}, {ALLOWED, OTHER}):
            key = await make_key(server, frozenset(hosts))
            async with server.dial(f"/v2/client/{key}?url={own.url('/start')}") as client:
                code = await client.until_closed()
            heard.append((code, client.finals, client.errors, len(other.requests)))

    refusal, passage = heard
    assert refusal[:2] == (1008, [])
    assert refusal[2][0].startswith("invalid stream: no audio was found there")  # it is private
    assert OTHER not in refusal[2][0]
    assert f"stream address not allowed: it leads to {OTHER}, which this" in caplog.text
    assert refusal[3] == 0
    assert passage[:3] == (1000, ["hello" * 3], [])
