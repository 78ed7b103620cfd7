"""The demonstration, which is a script: its parts, and the whole of it on a short recording."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import wave
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from tests.parts.installed import need_part
from tests.parts.wav import wav

PATH = Path(__file__).parents[2] / "scripts" / "demo.py"


def load_demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


demo = load_demo()


@pytest.fixture
def short_recording(tmp_path: Path) -> Path:
    """The first two sentences of a recording that comes with the model."""
    distribution = metadata.distribution("moonshine-voice")
    path = str(distribution.locate_file("moonshine_voice/assets/beckett.wav"))
    with wave.open(path, "rb") as file:
        pcm = file.readframes(3 * file.getframerate())
        short = tmp_path / "short.wav"
        short.write_bytes(wav(pcm, rate_hz=file.getframerate()))
        return short


def test_a_recording_is_cut_into_messages_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(bytes(96_000), rate_hz=48_000))

    recording = demo.read_recording(path)

    assert recording.duration_ms == 1000
    assert b"".join(recording.messages) == path.read_bytes()
    assert {len(message) for message in recording.messages[:-1]} == {4800}


@pytest.mark.parametrize(
    ("offset_ms", "endpoint_ms"),
    # Ten frames of 32 ms lie in the final, sixteen make the endpoint.
    [(1320, 1416), (9950, 10_000)],
    ids=["inside", "at the end of the audio"],
)
def test_the_endpoint_lies_after_the_rest_of_its_silence(offset_ms: int, endpoint_ms: int) -> None:
    assert demo.endpoint_ms(offset_ms, 10_000) == endpoint_ms


@pytest.mark.parametrize(
    ("position_ms", "sent_at"), [(1, 7.0), (50, 7.0), (51, 7.5), (100, 7.5), (130, 7.5)]
)
def test_a_position_was_sent_with_the_message_that_holds_it(
    position_ms: int, sent_at: float
) -> None:
    sent = demo.SentTimes()
    sent.add(50, 7.0)
    sent.add(100, 7.5)

    assert sent.at(position_ms) == sent_at


def speech(tmp_path: Path, text: str, *, language: str = "en", recording: Path = PATH) -> object:
    (tmp_path / "said.txt").write_text(text, "utf-8")
    return demo.Speech(
        recording=recording,
        language=language,
        text=tmp_path / "said.txt",
        is_synthesised=language != "en",
    )


def test_the_summary_counts_and_compares(tmp_path: Path) -> None:
    heard = [
        demo.Heard("It was the best", 80.0),
        demo.Heard("of Thames.", 120.0),
        demo.Heard("", 90.0),
    ]
    said = speech(tmp_path, "it was the best of times")

    summary = demo.summarize(heard, said, cpu_s=3.0, duration_ms=60_000)

    assert summary == demo.Summary(
        finals=3,
        words=6,
        word_error=pytest.approx(1 / 6),
        median_latency_ms=90.0,
        worst_latency_ms=120.0,
        cpu_s_per_s=0.05,
    )
    assert demo.describe(summary, said).splitlines() == [
        "finals         3, 6 words",
        "word error     16.7% (against examples/said.txt)",
        "final latency  90 ms median, 120 ms worst (from the endpoint's last sample)",
        "server CPU     0.050 s for each second of audio, start included",
    ]
    with pytest.raises(demo.DemoError, match=r"word error 16\.7%: expected at most 15%"):
        demo.check(summary, said)


def test_of_synthesised_speech_the_language_is_told_and_no_accuracy_asked(tmp_path: Path) -> None:
    said = speech(tmp_path, "Alle mensen zijn vrij", language="nl")

    summary = demo.summarize(
        [demo.Heard("Alle menzen mogen rij", 80.0, "nl")], said, cpu_s=3.0, duration_ms=60_000
    )

    assert str(said) == "Dutch synthesised by espeak-ng"
    _, language, word_error, *_, command = demo.describe(summary, said).splitlines()
    assert command == "your own       .venv/bin/scribewire transcribe FILE --language nl"
    assert language == "language       Dutch, as the finals say"
    assert word_error.endswith(
        "(against examples/said.txt; people are heard far better than this voice)"
    )
    demo.check(summary, said)


def test_no_finals_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(demo.DemoError, match="no finals came"):
        demo.summarize([], speech(tmp_path, "it was"), cpu_s=1.0, duration_ms=1000)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["nl", "fr", "de"])
def test_each_language_is_spoken_sentence_by_sentence(language: str, tmp_path: Path) -> None:
    need_part("espeak-ng")

    made = demo.find_speech(language, tmp_path)

    assert len(made.text.read_text("utf-8").splitlines()) == 5
    assert 20_000 < demo.read_recording(made.recording).duration_ms < 45_000


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((), ""), (("LANGUAGE=nl",), "--language nl"), (("ARGS=--help",), "--help")],
)
def test_make_passes_the_language_on_but_not_that_of_the_system(
    arguments: tuple[str, ...], options: str
) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "demo", *arguments],
        cwd=PATH.parents[1],
        env={"PATH": os.environ["PATH"], "LANGUAGE": "nl_NL:nl"},
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.partition("##")[0].split() == ["exec", "scripts/demo", *options.split()]


def test_without_the_synthesiser_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(demo.DemoError, match="espeak-ng is missing, which speaks French here: ins"):
        demo.find_speech("fr", tmp_path)


@pytest.mark.slow
async def test_the_whole_demonstration(
    short_recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = speech(tmp_path, "Ever tried. Ever failed.", recording=short_recording)

    summary = await demo.demonstrate(said)

    lines = capsys.readouterr().out.splitlines()
    assert "It hears short.wav (English) in real time:" in lines[0]
    assert "Ever tried." in lines
    assert summary.finals == len(lines) - 2
    demo.check(summary, said)
