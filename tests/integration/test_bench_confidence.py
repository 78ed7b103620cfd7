"""What bench/confidence.py calls right, and its arithmetic."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.calibration import (
    calibration_error,
    fit_logistic,
    predict,
    random_halves,
    reliability,
)
from bench.confidence import (
    JudgedWord,
    fit_curve,
    format_fit,
    format_report,
    judge_clip,
    write_fit,
)
from bench.manifest import Clip
from bench.word_truth import right_words
from scribewire.engines.engines import Engines
from scribewire.engines.families import DEFAULT_MODEL
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration, ConfidenceCurve
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_pcm
from tests.parts.wav import wav

TRUTHS = [
    # reference, words, which of them were said
    ("it was a good day", "It was a dog day.", [True, True, True, False, True]),
    ("i will not", "I won't", [True, True]),
    ("i can not", "I won't", [True, False]),
    ("mister smith", "Um, Mr. Smith", [None, True, True]),
    ("twenty one dollars", "Twenty one dollars", [True, True, True]),
    ("eight four three", "8, 4, 5.", [True, True, False]),
    ("eight four three", "Eight, four, three.", [True, True, True]),
    ("eight four three", "843", [True]),
    ("", "you", [False]),
    ("you", "", []),
]


@pytest.mark.parametrize(("reference", "text", "expected"), TRUTHS)
def test_a_word_is_right_when_what_it_means_was_said(
    reference: str, text: str, expected: list[bool | None]
) -> None:
    assert right_words(reference, text.split()) == expected


def test_a_word_is_right_in_the_spelling_of_its_language() -> None:
    words = ["Dix", "sept", "personnes,", "des", "états", "unis", "21"]

    said = right_words("dix-sept personnes des états-unis vingt", words, "fr")

    assert said == [True, True, True, True, True, True, False]


def test_the_error_is_the_mean_distance_between_said_and_right() -> None:
    said = np.array([0.95] * 10 + [0.55] * 10)
    is_right = np.array([True] * 9 + [False] + [True] * 7 + [False] * 3)

    assert [(b.count, b.right) for b in reliability(said, is_right)] == [(10, 0.7), (10, 0.9)]
    assert calibration_error(said, is_right) == pytest.approx((0.15 + 0.05) / 2)


def test_a_fit_finds_the_function_that_made_the_outcomes() -> None:
    random = np.random.default_rng(1)
    features = np.column_stack([np.ones(20_000), random.normal(size=20_000)])
    is_right = random.random(20_000) < predict(features, np.array([0.5, 2.0]))

    assert fit_logistic(features, is_right) == pytest.approx([0.5, 2.0], abs=0.1)


def test_a_fit_on_nothing_wrong_stays_finite() -> None:
    assert np.isfinite(fit_logistic(np.ones((5, 2)), np.array([True] * 5))).all()


def test_halves_never_part_a_speaker() -> None:
    names = ["a", "b", "a", "c", "d", "b"]

    for is_chosen in random_halves(names, count=10, seed=3):
        chosen = {name for name, flag in zip(names, is_chosen, strict=True) if flag}
        assert len(chosen) == 2
        assert [name in chosen for name in names] == is_chosen.tolist()


def test_the_words_of_a_clip_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav(draw_pcm("." * 15 + "hello there" * 3 + "." * 30)))
    clip = Clip(
        id="clip",
        path=path,
        language="en",
        reference="hello therehello nobody therehello there",
        seconds=2.0,
        tags=frozenset({"noisy"}),
        ref_quality="human",
        is_derived=False,
        speaker=None,
    )

    words = judge_clip(clip, "fast", Engines(ScriptedVad(), (ScriptedEngine(),)))

    assert [(word.text, word.is_right) for word in words] == [
        ("hello", True),
        ("therehello", True),
        ("therehello", True),
        ("there", True),
    ]
    assert {(word.speaker, word.groups) for word in words} == {("clip", ("core", "noisy"))}


def judged_words() -> list[JudgedWord]:
    return [
        JudgedWord(
            clip=str(number),
            speaker=str(number % 10),
            groups=("core",),
            mode="fast",
            text="word",
            confidence=0.9,
            logprobs=(-0.1 * (number % 7) - 0.01,),
            is_right=number % 9 > 0,
        )
        for number in range(200)
    ]


def test_the_report_says_what_was_wanted() -> None:
    words = judged_words()

    assert "wanted: at most 0.05" in format_report(words)
    shipped = ConfidenceCurve(one=0.5, least=1.0)
    assert "shipped: one 0.50, least 1.00" in format_fit(words, shipped)


def test_a_fit_goes_into_the_models_file(tmp_path: Path) -> None:
    assert DEFAULT_MODEL.fitted is not None
    file = Path(shutil.copy(DEFAULT_MODEL.fitted, tmp_path))
    before = read_fitted(file, "calibration", Calibration)
    words = judged_words()

    write_fit(words, file)

    after = read_fitted(file, "calibration", Calibration)
    assert after == replace(before, confidence=fit_curve(words))
    assert after != before
