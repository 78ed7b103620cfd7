"""The browser SDK goes on with its session where the network loses it, in a real browser."""

from __future__ import annotations

import base64
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any  # of JSON

import pytest
from playwright.async_api import Page

from scribewire.testing.running import KEYS, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.browser import open_context, run_browser
from tests.parts.cutting_proxy import Cut, CuttingProxy, random_cuts, run_cutting_proxy
from tests.parts.origin import run_origin
from tests.parts.wav import wav

pytestmark = pytest.mark.slow

SAID = "..hello" + "." * 20 + "again" + "." * 20 + "third" + "." * 25
TEXTS = ["hello", "again", "third"]
LISTENED = 4000  # bytes of a client that was listened to: its handshake, its start, some audio
# A transcription, and all that it told; ACT is what happens meanwhile.
SCRIPT = """async ({ key, server, said, options }) => {
  const { Transcription } = await import("/sdk/index.js");
  const retry = { attempts: 1000, firstDelayMs: 5, longestDelayMs: 50 };
  const captions = new Transcription({ server, token: key, retry, ...options });
  const pcm = Uint8Array.from(atob(said), (one) => one.charCodeAt(0));
  const told = [];
  for (const name of ["state", "final", "retry", "gap", "error"]) {
    captions.on(name, (detail) => told.push([name, detail]));
  }
  const ended = new Promise((resolve) => captions.on("end", resolve));
  const send = async (start, end) => {
    for (; start < end; start += 3200) {
      await captions.sendAudio(pcm.slice(start, Math.min(start + 3200, end)));
    }
  };
  const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const toldOf = (name) => new Promise((resolve) => captions.on(name, resolve));
  ACT
  await ended;
  const fields = (detail) => (typeof detail === "string" ? { state: detail } : detail);
  return told.map(([name, detail]) => ({ name, ...fields(detail) }));
}"""
ALL_OF_IT = """
  await captions.start();
  await send(0, pcm.length);
  await captions.stop();
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a transcription told until it ended."""

    events: list[dict[str, Any]]

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["name"] in names]

    @property
    def texts(self) -> list[str]:
        return [one["text"] for one in self.named("final")]


class Tab:
    """A page that captions by way of a proxy."""

    def __init__(self, page: Page, server: RunningServer, proxy: CuttingProxy) -> None:
        self.page, self.server, self.proxy = page, server, proxy

    async def caption(
        self, cuts: Iterable[Cut] = (), act: str = ALL_OF_IT, **options: object
    ) -> Told:
        """Caption what was said, with connections that are lost as planned."""
        self.proxy.plans = iter(cuts)
        given = {
            "key": KEYS[0],
            "server": f"ws://127.0.0.1:{self.proxy.port}",
            "said": base64.b64encode(draw_pcm(SAID)).decode(),
            "options": options,
        }
        return Told(await self.page.evaluate(SCRIPT.replace("ACT", act), given))


@contextlib.asynccontextmanager
async def open_tab(
    *,
    resume_window_ms: int = 30_000,
    allow_source: tuple[str, ...] = (),
    drain_timeout_ms: int = 1000,
    journal: Path | None = None,
) -> AsyncIterator[Tab]:
    """Run a server with these options, a proxy before it, and a page."""
    async with (
        run_server(
            allow_origin=("*",),
            resume_window_ms=resume_window_ms,
            allow_source=allow_source,
            drain_timeout_ms=drain_timeout_ms,
            journal=journal,
        ) as server,
        run_cutting_proxy(server.address.port) as proxy,
        run_browser() as browser,
        open_context(browser) as visit,
    ):
        visit.expected = ("WebSocket connection", "Failed to load resource")
        # Not the page that the server brings: it may connect to nobody else.
        page = await visit.open(f"http://127.0.0.1:{server.address.port}/healthz")
        yield Tab(page, server, proxy)


async def test_wherever_it_is_cut_the_finals_are_those_of_an_undisturbed_run() -> None:
    async with open_tab() as tab:
        expected = await tab.caption()
        made = 0
        for seed in range(12):
            first = Cut(after_sent=random.Random(seed).randrange(LISTENED, 100_000))
            cuts = random_cuts(seed, count=8, most_bytes=60_000)
            told = await tab.caption(chain([first], cuts))

            assert told.named("final") == expected.named("final"), seed
            assert told.named("gap", "error") == [], seed
            made += len(told.named("retry"))

    assert expected.texts == TEXTS
    assert made > 24


@pytest.mark.parametrize(
    "words", [b'"is_final":true', b'"number":3', b'"replay_from_bytes"', b'"state":"stopped"']
)
async def test_what_was_on_its_way_when_it_was_cut_is_told_once(words: bytes) -> None:
    async with open_tab() as tab:
        told = await tab.caption([Cut(at_words=words)])

    assert told.texts == TEXTS
    assert [one["state"] for one in told.named("state")].count("connecting") == 2
    assert told.named("gap", "error") == []


async def test_a_network_that_has_died_without_a_word_is_left() -> None:
    act = """
      await captions.start();
      await send(0, 64_000);
      let isLost = false;
      void toldOf("retry").then(() => (isLost = true));
      while (!isLost) {
        await captions.sendAudio(new Uint8Array(3200));
        await after(100);
      }
      await send(64_000, pcm.length);
      await captions.stop();
    """
    async with open_tab() as tab:
        told = await tab.caption([Cut(after_sent=60_000, is_silent=True)], act)

    assert told.texts == TEXTS
    assert len(told.named("retry")) == 1
    assert told.named("gap", "error") == []


async def test_who_does_not_want_to_resume_begins_anew_and_loses_nothing() -> None:
    async with open_tab() as tab:
        told = await tab.caption([Cut(after_sent=60_000)], resume=False)

        assert tab.proxy.connections == 2
    assert told.texts == TEXTS
    assert told.named("gap", "error") == []


async def test_when_the_window_has_passed_what_is_lost_is_told() -> None:
    act = """
      await captions.start();
      const lost = toldOf("retry");
      await send(0, 40_000);
      await lost;
      for (let second = 0; second < 300; second++) void captions.sendAudio(new Uint8Array(32_000));
      await toldOf("gap");
      await captions.sendAudio(new Uint8Array(0)); // until there is room
      await send(50_000, pcm.length);
      await captions.stop();
    """
    async with open_tab(resume_window_ms=50) as tab:
        cuts = [Cut(after_sent=30_000)]
        told = await tab.caption(cuts, act, retry={"firstDelayMs": 2000})

    (gap,) = told.named("gap")
    assert gap["endMs"] - gap["startMs"] > 1000
    assert "the connection was lost" in gap["reason"]
    assert told.texts[-1] == "third"
    assert told.named("error") == []


async def test_a_stream_goes_on_while_its_listener_is_away(tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(wav(draw_pcm(SAID)))
    async with run_origin(tmp_path) as origin, open_tab(allow_source=("127.0.0.1",)) as tab:
        cut = Cut(at_words=b'"number":1')
        told = await tab.caption(
            [cut], "await captions.start();", url=origin.url("said.wav"), retry=None
        )

    assert told.texts == TEXTS
    assert len(told.named("retry")) == 1
    assert told.named("gap", "error") == []


async def test_a_server_that_drains_is_left_for_another_without_a_word_lost() -> None:
    act = """
      await captions.start();
      const isHeard = toldOf("final");
      await send(0, 40_960);
      await isHeard;
      const first = captions.sessionId;
      const isTold = toldOf("shutdown");
      await window.drain();
      await isTold;
      while (captions.sessionId === first) {
        await captions.sendAudio(new Uint8Array(3200));
        await after(100);
      }
      await send(40_960, pcm.length);
      await captions.stop();
    """
    async with open_tab(drain_timeout_ms=20_000) as tab, run_server(allow_origin=("*",)) as other:

        def drain() -> None:
            tab.proxy.upstream_port = other.address.port
            tab.server.services.draining.begin()

        await tab.page.expose_function("drain", drain)
        told = await tab.caption((), act)

    assert told.texts == TEXTS
    assert told.named("retry", "gap", "error") == []
    assert tab.proxy.connections == 2


async def test_a_session_goes_on_at_another_process_from_the_journal(tmp_path: Path) -> None:
    act = """
      await captions.start();
      const isHeard = toldOf("final");
      await send(0, 50_000);
      await isHeard;
      const first = captions.sessionId;
      const isLost = toldOf("retry");
      await window.kill();
      await isLost;
      await send(50_000, pcm.length);
      await captions.stop();
      told.push(["session", { isTheSame: captions.sessionId === first }]);
    """
    folder, left = tmp_path / "journal", tmp_path / "left"
    async with contextlib.AsyncExitStack() as servers, open_tab(journal=folder) as tab:

        async def kill() -> None:
            async with tab.proxy.refusing():
                tab.proxy.cut_all()
                shutil.copytree(folder, left)  # what the first process has written until now
                started = run_server(allow_origin=("*",), journal=left)
                other = await servers.enter_async_context(started)
                tab.proxy.upstream_port = other.address.port

        expected = await tab.caption()
        await tab.page.expose_function("kill", kill)
        told = await tab.caption((), act)

    assert told.named("session") == [{"name": "session", "isTheSame": True}]
    assert told.named("final") == expected.named("final")
    assert told.named("gap", "error") == []
