"""The disguises and signals of bench/conditions.py, and what real speech and signals give."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.conditions import Playing, format_report
from bench.disguises import DISGUISES
from bench.evidence import Heard, hear
from bench.own_rules import own_rules
from bench.scoring import WordErrors, count_errors
from bench.signals import SIGNALS, make_signal
from scribewire.audio.local_decoder import read_audio
from scribewire.engines.engines import Engines
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_speech, scripted_rules
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Mode, Samples

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


@pytest.fixture(scope="module")
def beckett() -> Samples:
    assets = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
    return np.concatenate(list(read_audio(assets / "beckett.wav")))


def play(samples: Samples, engines: Engines, *, mode: Mode = "fast") -> Heard:
    return hear(samples, own_rules(engines.speech[0], mode=mode, partials=False), engines)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "quality"])
@pytest.mark.parametrize(
    "condition",
    [
        "8 kHz",
        "mu-law",
        "-12 dB",
        "one of two",
        "centre of 5.1",
        "noise on the other",
    ],
)
def test_a_disguise_takes_no_sentence(
    condition: str, mode: Mode, beckett: Samples, engines: Engines
) -> None:
    heard = play(DISGUISES[condition](beckett), engines, mode=mode)

    assert all(one.is_final for one in heard.utterances if one.text)
    text = " ".join(one.text for one in heard.utterances)
    assert count_errors(BECKETT, text).errors <= 1


@pytest.mark.slow
@pytest.mark.parametrize("gain_db", [-24, -12, 0])
@pytest.mark.parametrize("condition", ["8 kHz", "16 kHz"])
def test_a_low_level_takes_no_speech(
    condition: str, gain_db: int, beckett: Samples, engines: Engines
) -> None:
    quiet = beckett * np.float32(10 ** (gain_db / 20))

    heard = play(DISGUISES[condition](quiet), engines)

    assert count_errors(BECKETT, " ".join(u.text for u in heard.utterances)).errors <= 1


@pytest.mark.slow
def test_signals_say_nothing(engines: Engines) -> None:
    rules = own_rules(engines.speech[0], mode="fast")

    assert {name: hear(make_signal(name), rules, engines).words for name in SIGNALS} == (
        dict.fromkeys(SIGNALS, 0)
    )


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_always_the_same(name: str) -> None:
    assert np.array_equal(make_signal(name), make_signal(name))
    assert np.abs(make_signal(name)).max() == pytest.approx(0.3)


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_keeps_the_length_and_the_low_band(name: str) -> None:
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.3 * np.sin(2 * np.pi * 500 * time_s)).astype(np.float32)
    tone[:1600] = 0  # what never rises is not speech, and is mixed with the noise beside it

    disguised = DISGUISES[name](tone)

    assert disguised.size == pytest.approx(SAMPLE_RATE, abs=64)
    level_db = 20 * np.log10(np.std(disguised) / np.std(tone))
    assert level_db == pytest.approx(-12 if name == "-12 dB" else 0, abs=0.5)


def test_a_line_tells_what_was_dropped_and_one_what_was_invented() -> None:
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    heard = hear(draw_speech("." * 20 + "hello" * 4 + "." * 30), scripted_rules(), engines)
    right = WordErrors(words=1)

    def playing(errors: WordErrors | None) -> Playing:
        return Playing(sound="a", condition="8 kHz", mode="fast", errors=errors, heard=heard)

    spoken, silent = playing(right), playing(None)
    report = format_report([spoken, silent]).splitlines()

    assert report[2].split()[:7] == ["8", "kHz", "fast", "1", "0", "0.0", "[0.0,"]
    assert report[2].split()[-1] == str(heard.words)
    assert len(report) == 4
    assert report[3].startswith("invented in a, 8 kHz, fast: 'hellohello")
