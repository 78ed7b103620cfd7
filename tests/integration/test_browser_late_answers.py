"""A microphone of the browser SDK that is granted after it is no longer wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from scribewire.testing.running import KEYS, run_server
from tests.parts.browser import open_context, run_browser
from tests.parts.wav import wav

pytestmark = pytest.mark.slow

# A person answers the browser's question after the page has been left, or its button pressed again.
LATE_ANSWER = """async ([end, key]) => {
  const { Microphone, Transcription } = await import("/sdk/index.js");
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  let answer;
  const answered = new Promise((resolve) => (answer = resolve));
  const given = new Promise((resolve) => {
    devices.getUserMedia = async (wanted) => {
      await answered;
      const stream = await ask(wanted);
      resolve(stream);
      return stream;
    };
  });
  const transcription = new Transcription({ token: key });
  const ended = new Promise((resolve) => transcription.on("end", resolve));
  const microphone = new Microphone();
  const starting = microphone.start.bind(microphone);
  let started;
  microphone.start = (sink) => (started = starting(sink));
  transcription.start(microphone).catch(() => {});
  void transcription[end]();
  answer();
  const stream = await given;
  await Promise.all([started, ended]);
  return stream.getTracks().map((track) => track.readyState);
}"""


@pytest.mark.parametrize("end", ["close", "stop"])
async def test_a_microphone_that_is_granted_too_late_is_let_go(end: str, tmp_path: Path) -> None:
    recording = tmp_path / "silence.wav"
    recording.write_bytes(wav(bytes(32_000)))
    async with (
        run_server() as server,
        run_browser(microphone=recording) as browser,
        open_context(browser, "microphone") as visit,
    ):
        page = await visit.open(f"http://127.0.0.1:{server.address.port}/")

        assert await page.evaluate(LATE_ANSWER, [end, KEYS[0]]) == ["ended"]
