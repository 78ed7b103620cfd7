"""The demonstration of a session that outlives its server: its verdict, and the whole of it."""

from __future__ import annotations

import asyncio
import wave
from importlib import metadata
from pathlib import Path

import pytest

from scripts.demo import DemoError, Heard, Speech
from scripts.demo_cluster import Listener, demonstrate, describe, play_at_16_khz
from tests.parts.installed import need_part
from tests.parts.wav import wav


def speech(folder: Path, text: str, *, recording: Path = Path("said.wav")) -> Speech:
    (folder / "said.txt").write_text(text, "utf-8")
    return Speech(
        recording=recording, language="en", text=folder / "said.txt", is_synthesised=False
    )


async def listener(name: str, *texts: str, losses: int = 0) -> Listener:
    return Listener(name, heard=[Heard(text, 0.0) for text in texts], losses=losses)


async def test_who_heard_the_same_is_told_with_the_word_error(tmp_path: Path) -> None:
    both = [await listener("A", "Ever tried.", losses=1), await listener("B", "Ever tried.")]

    told = describe(both, speech(tmp_path, "Ever tried."))

    heard = "1 finals, 2 words, word error 0.0% (against examples/said.txt)"
    assert told.splitlines() == [
        f"client A  {heard}, came back 1 time",
        f"client B  {heard}, was never disturbed",
        "Every final came, each once: both clients have the same text, word for word.",
    ]


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (("Ever tried.", "Ever tried."), "word error 100.0%"),
        (("Ever",), "word error 50.0%"),
        (("Ever", "tried."), "heard different things"),
        ((), "no finals came"),
    ],
    ids=["one came twice", "one is missing", "cut otherwise", "none"],
)
async def test_what_is_missing_or_came_twice_is_a_failure(
    tmp_path: Path, heard: tuple[str, ...], words: str
) -> None:
    both = [await listener("A", *heard), await listener("B", "Ever tried.")]

    with pytest.raises(DemoError, match=words):
        describe(both, speech(tmp_path, "Ever tried."))


@pytest.mark.slow
def test_it_is_played_at_the_rate_that_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    path.write_bytes(wav(bytes(96_000), rate_hz=48_000))
    (tmp_path / "played").mkdir()

    played = play_at_16_khz(speech(tmp_path, "", recording=path), tmp_path / "played")

    with wave.open(str(played.recording), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        assert abs(file.getnframes() - 16_000) <= 1


@pytest.mark.slow
def test_the_whole_demonstration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_part("nats-server")
    distribution = metadata.distribution("moonshine-voice")
    path = str(distribution.locate_file("moonshine_voice/assets/beckett.wav"))
    with wave.open(path, "rb") as file:
        pcm, rate_hz = file.readframes(6 * file.getframerate()), file.getframerate()
    short = tmp_path / "short.wav"
    short.write_bytes(wav(pcm, rate_hz=rate_hz))
    (tmp_path / "played").mkdir()
    said = speech(tmp_path, "Ever tried. Ever failed. No matter. Try again.", recording=short)

    listeners = asyncio.run(demonstrate(play_at_16_khz(said, tmp_path / "played")))

    told = capsys.readouterr().out
    assert told.count("is killed (kill -9)") == 1
    assert told.count("A: (is back, at server ") == 1
    assert [one.losses for one in listeners] == [1, 0]
    first, second = ([heard.text for heard in one.heard] for one in listeners)
    assert first == second
    assert "Ever tried." in first[0]
