"""What docs/browsers.md shows of MediaRecorder, in a real browser that hears real speech."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import jiwer
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from scribewire.engines.loader import load_engines
from scribewire.testing.running import RunningServer, run_server
from tests.parts.browser import open_context, run_browser
from tests.parts.wav import wav

DOCS = (Path(__file__).parents[2] / "docs/browsers.md").read_text("utf-8")
ADDRESS = "wss://stt.example/v2/realtime?language=nl"
SAID, SAID_S = "Ever tried. Ever failed.", 3.1
SILENCE = bytes(2 * 16_000)  # a second: the recorder begins a little after the microphone
RECORDED_MS = 6_000

ORIGIN = "http://recorder.localhost"

# Recorders of one microphone: as the browser likes, as MP4, and one whose first piece is left out.
SCRIPT = """async () => {
  const token = "key-1";
  const constructor = MediaRecorder;
  const caption = async (kind, leftOut = 0) => {
    const MediaRecorder = class extends constructor {
      constructor(stream) { super(stream, kind ? { mimeType: kind } : {}); }
    };
    const texts = [];
    %s
    socket.onmessage = ({ data }) => texts.push(data);
    const send = recorder.ondataavailable;
    recorder.ondataavailable = (event) => leftOut-- > 0 || send(event);
    recorder.onstart = () => setTimeout(() => recorder.stop(), %d);
    const code = await new Promise((resolve) => socket.onclose = ({ code }) => resolve(code));
    return { mime: recorder.mimeType, texts, code };
  };
  return Promise.all([caption(""), caption("audio/mp4"), caption("", 1)]);
}"""


def script_for(server: RunningServer) -> str:
    (shown,) = re.findall(r"```js\n(const recorder = .*?)```", DOCS, re.DOTALL)
    assert ADDRESS in shown
    address = f"{server.address.url}/v2/realtime?language=en"
    return SCRIPT % (shown.replace(ADDRESS, address), RECORDED_MS)


@pytest.mark.slow
async def test_a_browser_is_understood_whatever_it_records(speech: bytes, tmp_path: Path) -> None:
    microphone = tmp_path / "speech.wav"
    microphone.write_bytes(wav(SILENCE + speech[: int(SAID_S * 16_000) * 2] + SILENCE * 2))
    engines = await asyncio.to_thread(load_engines)
    try:
        async with (
            run_server(engines=engines, allow_origin=(ORIGIN,)) as server,
            run_browser(microphone=microphone) as browser,
            open_context(browser, "microphone", "local-network-access") as visit,
        ):
            visit.expected = ("WebSocket is already",)  # the late one, whose recorder goes on
            blank = f'<link rel="icon" href="data:,"><p>{ORIGIN}'
            await visit.context.route(
                f"{ORIGIN}/**", lambda route: route.fulfill(body=blank, content_type="text/html")
            )
            page = await visit.open(f"{ORIGIN}/")
            told = await page.evaluate(script_for(server))
    finally:
        engines.close()

    late, *reports = sorted(told, key=lambda report: -report["code"])
    assert late["code"] == 1008
    assert "this looks like the middle of a WebM recording" in late["texts"][-1]
    normalize = EnglishTextNormalizer()
    assert {report["mime"].partition(";")[0] for report in reports} == {"audio/webm", "audio/mp4"}
    for report in reports:
        finals = [one for one in report["texts"] if '"is_final":true' in one]
        heard = " ".join(re.findall(r'"text":"([^"]*)"', " ".join(finals)))
        assert report["code"] == 1000
        assert report["texts"][-1] == '{"state":"stopped"}'
        # Browsers cancel echoes and noise as they like: it is not the same sound each time.
        assert jiwer.wer(normalize(SAID), normalize(heard)) <= 0.5, heard
