"""The noises of bench/noise.py, and the evidence it keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.evidence import Heard, hear
from bench.noise import MODES, Outcome, format_report
from bench.noises import KINDS, make_noise
from scribewire.engines.engines import Engines
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_speech, scripted_rules


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_the_same_for_the_same_seed_only(kind: str) -> None:
    first, again, other = (
        make_noise(kind, level_db=-30, seconds=0.5, seed=seed) for seed in (1, 1, 2)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level_db", [-60, -40])
def test_noise_has_the_level_asked_for(kind: str, level_db: int) -> None:
    noise = make_noise(kind, level_db=level_db, seconds=1, seed=0)

    assert len(noise) == 16_000
    assert 10 * np.log10(np.mean(np.square(noise))) == pytest.approx(level_db, abs=0.1)


def test_loud_clicks_stay_inside_full_scale() -> None:
    assert np.abs(make_noise("clicks", level_db=-10, seconds=1, seed=0)).max() == 1


def test_evidence_is_kept_for_each_utterance() -> None:
    samples = draw_speech("." * 20 + "hello" * 4 + "." * 30 + "there" + "." * 30)

    heard = hear(samples, scripted_rules(), Engines(ScriptedVad(), (ScriptedEngine(),)))

    assert [u.text for u in heard.utterances] == ["hello" * 4, "there"]
    assert [u.is_given for u in heard.utterances] == [True, True]
    assert [u.is_final for u in heard.utterances] == [True, True]
    assert [u.speech_s for u in heard.utterances] == [0.64, 0.16]
    assert [u.vad_mean for u in heard.utterances] == pytest.approx([0.9, 0.9])
    assert [u.floor_db for u in heard.utterances] == pytest.approx([-100, -100])
    assert heard.vad_max == 0.9
    assert heard.words >= 2


def test_silence_gives_no_evidence() -> None:
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))

    heard = hear(draw_speech("." * 50), scripted_rules(), engines)

    assert heard.utterances == ()
    assert (heard.vad_max, heard.words) == (0.1, 0)


def test_what_was_invented_and_what_was_lost_is_listed() -> None:
    samples = draw_speech("." * 20 + "hello" * 4 + "." * 30)
    heard = hear(samples, scripted_rules(), Engines(ScriptedVad(), (ScriptedEngine(),)))
    lost = replace(heard, utterances=(replace(heard.utterances[0], is_final=False),))

    assert format_report(
        [
            Outcome(name="a", mode=mode, language=told, is_speech=False, seconds=2, heard=heard)
            for told in ("nl", "auto")
            for mode in MODES
        ]
    ).endswith(f"auto, quality: {heard.words} words invented in 2 s without speech")

    def report(*, is_speech: bool, heard: Heard) -> list[str]:
        outcomes = [
            Outcome(name="clip", mode=mode, is_speech=is_speech, seconds=2, heard=heard)
            for mode in MODES
        ]
        return format_report(outcomes).splitlines()

    invented = report(is_speech=False, heard=heard)
    assert any(line.startswith("invented in") for line in invented)
    assert any(line.endswith("words invented in 2 s without speech") for line in invented)
    rejected = report(is_speech=True, heard=lost)
    assert any(line.startswith("rejected in") for line in rejected)
    assert rejected[-1] == "2 of 2 utterances of the scored clips rejected"
    assert report(is_speech=True, heard=heard)[-1].startswith("0 of 2 utterances")
