"""Where the browser SDK gets sound from, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any  # of JSON

import pytest

from scribewire.testing.running import KEYS, RunningServer
from scribewire.testing.scripted import draw_pcm
from tests.parts.browser import open_context, run_browser
from tests.parts.wav import wav

pytestmark = pytest.mark.slow

PIECE_MS = 100
# What a transcription told, until it ended; ACT is what happens meanwhile.
SCRIPT = """async (key) => {
  const { Microphone, StreamSource, Transcription } = await import("./sdk/index.js");
  const contexts = [];
  const AudioContextAsItIs = AudioContext;
  globalThis.AudioContext = class extends AudioContextAsItIs {
    constructor(...given) { super(...given); contexts.push(this); }
  };
  const transcription = new Transcription({ token: key });
  const told = [];
  for (const name of ["final", "gap", "error", "level", "audio"]) {
    transcription.on(name, (detail) => told.push([name, detail]));
  }
  const count = (name) => told.filter(([one]) => one === name).length;
  const until = async (isTrue) => {
    while (!isTrue()) await new Promise((next) => setTimeout(next, 20));
  };
  const ended = new Promise((resolve) => transcription.on("end", resolve));
  try {
    ACT
  } catch (error) {
    if (!error.code) throw error;
  }
  await ended;
  return told.map(([name, { code, message, text, startMs, endMs, reason, peak, pcm }]) =>
    ({ name, code, message, text, startMs, endMs, reason, peak, bytes: pcm?.length }));
}"""


async def told_by(server: RunningServer, act: str, *, microphone: Path | None = None) -> list[Any]:
    """Return what a transcription in a page of the server tells while `act` happens."""
    async with (
        run_browser(microphone=microphone) as browser,
        open_context(browser, "microphone") as visit,
    ):
        page = await visit.open(f"http://127.0.0.1:{server.address.port}/")
        told: list[Any] = await page.evaluate(SCRIPT.replace("ACT", act), KEYS[0])
        return told


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "spoken.wav"
    path.write_bytes(wav(draw_pcm("." * 10 + "hello" * 3 + "." * 30)))
    return path


async def test_a_microphone_that_is_unplugged_ends_it_and_is_told(
    server: RunningServer, spoken: Path
) -> None:
    act = """
      const { getUserMedia } = navigator.mediaDevices;
      let track;
      navigator.mediaDevices.getUserMedia = async (wishes) => {
        const stream = await getUserMedia.call(navigator.mediaDevices, wishes);
        [track] = stream.getAudioTracks();
        return stream;
      };
      await transcription.start(new Microphone());
      await until(() => count("audio") > 3);
      track.dispatchEvent(new Event("ended"));
    """

    told = await told_by(server, act, microphone=spoken)

    assert [one["code"] for one in told if one["name"] == "error"] == ["unplugged"]


async def test_pieces_are_of_a_tenth_of_a_second_and_have_a_level(
    server: RunningServer, spoken: Path
) -> None:
    act = """
      await transcription.start(new Microphone({ echoCancellation: false }));
      await until(() => count("audio") > 15);
      await transcription.stop();
    """

    told = await told_by(server, act, microphone=spoken)

    pieces = [one for one in told if one["name"] == "audio"]
    assert {one["bytes"] for one in pieces[:-1]} == {PIECE_MS * 32}
    assert [one["startMs"] for one in pieces] == [PIECE_MS * n for n in range(len(pieces))]
    assert 0.01 < max(one["peak"] for one in told if one["name"] == "level") <= 1


async def test_a_tab_that_slept_tells_what_is_missing(server: RunningServer, spoken: Path) -> None:
    act = """
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      await transcription.start(new StreamSource(stream));
      await until(() => count("audio") > 2);
      const [context] = contexts;
      const resume = context.resume;
      context.resume = () => Promise.reject(new Error("not yet"));
      await context.suspend();
      const before = performance.now();
      await until(() => performance.now() - before > 1100);
      context.resume = resume;
      await context.resume();
      await until(() => count("gap") > 0);
      await transcription.stop();
    """

    told = await told_by(server, act, microphone=spoken)

    (gap,) = [one for one in told if one["name"] == "gap"]
    assert gap["endMs"] - gap["startMs"] >= 1000
    assert "paused" in gap["reason"]


async def test_no_microphone_is_said(server: RunningServer) -> None:
    told = await told_by(server, "await transcription.start(new Microphone());")

    assert [(one["name"], one["code"]) for one in told] == [("error", "no device")]
