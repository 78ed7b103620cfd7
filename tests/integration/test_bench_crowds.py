"""The sounds of bench/crowds.py, how it counts, and that crowds and buzzes give no loops."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.crowds import Outcome, count_copies, format_report, make_buzz, mix_crowd, say_again
from bench.own_rules import own_rules
from scribewire.audio.local_decoder import read_audio
from scribewire.engines.engines import Engines
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.testing.scripted import recognize
from scribewire.types import SAMPLE_RATE, Mode

if TYPE_CHECKING:
    from scribewire.types import Samples


@pytest.fixture(scope="module")
def voices() -> list[Samples]:
    names = ("two_cities.wav", "endgame_nagg_nell.wav", "beckett.wav")
    folder = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
    return [np.concatenate(list(read_audio(folder / name))) for name in names]


def finals_of(samples: Samples, mode: Mode, engines: Engines) -> list[str]:
    recognizer = Recognizer(own_rules(engines.speech[0], mode=mode, partials=False))
    events = recognize(recognizer, [samples], engines.vad, engines.speech[0])
    return [event.text for event in events if isinstance(event, Final)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "quality"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_crowd_repeats_nothing(
    seed: int, mode: Mode, voices: list[Samples], engines: Engines
) -> None:
    crowd = mix_crowd(voices, 16, 6.0, seed=seed)

    assert sum(map(count_copies, finals_of(crowd, mode, engines))) == 0


@pytest.mark.slow
def test_a_buzz_repeats_nothing(engines: Engines) -> None:
    assert sum(map(count_copies, finals_of(make_buzz(120, 8.0), "fast", engines))) == 0


@pytest.mark.slow
def test_what_is_really_said_three_times_stays(voices: list[Samples], engines: Engines) -> None:
    tried_and_failed = voices[2][: round(2.4 * SAMPLE_RATE)]

    finals = finals_of(say_again(tried_and_failed, 3), "quality", engines)

    assert sum(map(count_copies, finals)) == 2


@pytest.mark.parametrize(
    ("text", "copies"),
    [
        ("It's not easy, it's not easy.", 1),
        ("I know. I know. I know. You know.", 2),
        ("no no no no", 1),  # no no, twice: single words are not looked for
        ("so it was, and then it was so", 0),
        ("", 0),
    ],
)
def test_copies_are_counted(text: str, copies: int) -> None:
    assert count_copies(text) == copies


def test_the_same_seed_makes_the_same_crowd_only() -> None:
    voices = [np.sin(np.arange(8000, dtype=np.float32) / pitch) for pitch in (3, 5, 7)]

    first, again, other = (mix_crowd(voices, 12, 0.5, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.sqrt(np.mean(np.square(first))) == pytest.approx(0.1, abs=0.01)


def test_the_report_has_a_line_a_kind_and_mode() -> None:
    one = Outcome(kind="crowd", name="0", mode="fast", decoded=("a b a b a b",), finals=("a b",))

    assert format_report([one, one]).splitlines()[-1].split() == ["crowd", "fast", *"22420"]
