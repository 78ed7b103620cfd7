"""The arithmetic of bench/partials.py, without engines."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench.manifest import Clip
from bench.partial_runs import Judged, read_noisy
from bench.partials import write_fit
from bench.peer import Update, read_lines
from bench.showing import Line, Showing, Shown, measure, plain_words
from bench.stability_fit import calibration_error, fit_logistic, fit_stability, predict, reliability
from scribewire.audio.pcm import encode_pcm
from scribewire.engines.families import DEFAULT_MODEL
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.stabilizer import DecodedWord, ShownText
from scribewire.types import Word
from tests.parts.wav import wav


def line(*texts: str) -> Line:
    """The last text is the final; each is shown half a second after the one before."""
    *partials, final = [
        Shown(text=text, fed_samples=8_000 * number) for number, text in enumerate(texts, start=1)
    ]
    return Line(shown=tuple(partials), final=final)


def word(text: str, start_ms: int, end_ms: int) -> Word:
    return Word(text=text, start_ms=start_ms, end_ms=end_ms, confidence=1.0)


def test_noise_is_as_far_below_a_clip_as_asked(tmp_path: Path) -> None:
    tone = (np.sin(np.arange(16_000) / 5) / 4).astype(np.float32)
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(encode_pcm(tone)))
    clip = Clip(
        id="tone",
        path=path,
        language="en",
        reference=None,
        seconds=1.0,
        tags=frozenset(),
        ref_quality="none",
        is_derived=False,
        speaker=None,
    )

    clean, noisy = read_noisy(clip, None, seed=0), read_noisy(clip, 6.0, seed=0)

    power = [float(np.mean(np.square(samples))) for samples in (clean, noisy - clean)]
    assert 10 * np.log10(power[0] / power[1]) == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("texts", "shown", "changed", "by_final"),
    [
        (["It was", "It was the", "it was, the best."], 3, 0, 0),
        (["It is", "It was the", "It was the best"], 4, 1, 0),
        (["It was", "It is"], 2, 1, 1),
        (["It was", "Was"], 2, 1, 1),
        (["a b c", "x a b c", "x a b c"], 4, 0, 0),
        (["a", ""], 1, 1, 1),
        (["a"], 0, 0, 0),
    ],
)
def test_a_word_has_changed_when_the_next_text_lacks_it(
    texts: list[str], shown: int, changed: int, by_final: int
) -> None:
    found = measure([line(*texts)], [])

    assert (found.shown_words, found.changed_words, found.changed_by_final) == (
        shown,
        changed,
        by_final,
    )


def test_delays_count_from_the_end_of_a_word_to_the_first_text_that_lasts() -> None:
    words = [word("It", 100, 200), word("was", 200, 400), word("here.", 400, 900)]

    found = measure([line("Is", "It was", "It was here.")], words)

    assert found.delays_ms == (800, 600, 600)
    assert found.first_delays_ms == (400,)
    assert found.first_right_delays_ms == (900,)


def test_words_that_nobody_timed_are_no_measure() -> None:
    found = measure([line("and so", "and so on")], [word("so", 100, 200)])

    assert found.delays_ms == (300,)
    assert found.first_delays_ms == ()


def test_lengths_and_prefixes_are_of_the_letters() -> None:
    found = measure([line("It was", "It", "It is")], [])

    assert found.length_changes == (4,)
    assert (found.shrinking, found.prefixes, found.differing_last) == (1, 1, 0)


def test_clips_add_up() -> None:
    one = measure([line("a", "a b")], [word("a", 0, 100)])

    total = one + one + Showing()

    assert total.shown_words == 2 * one.shown_words
    assert total.delays_ms == one.delays_ms * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don\u2019t, stop!", ["don't", "stop"]),
        ("a well-known 5 o'clock", ["a", "well", "known", "5", "o'clock"]),
        ("", []),
    ],
)
def test_case_and_marks_do_not_count(text: str, words: list[str]) -> None:
    assert plain_words(text) == words


def test_what_the_peer_says_twice_is_shown_once() -> None:
    told = [("", False), ("A.", False), ("A.", False), ("A b", False), ("A c", True), ("A c", True)]
    updates = [
        Update(line=7, text=text, is_complete=is_complete, fed_samples=number)
        for number, (text, is_complete) in enumerate(told)
    ]

    assert read_lines(updates) == (
        Line(
            shown=(Shown(text="A.", fed_samples=1), Shown(text="A b", fed_samples=3)),
            final=Shown(text="A c", fed_samples=4),
        ),
    )


def test_a_line_without_any_text_is_none() -> None:
    assert read_lines([Update(line=1, text="", is_complete=True, fed_samples=9)]) == ()


def test_calibration_error_is_the_mean_gap_of_the_tenths() -> None:
    claimed, lasted = np.array([0.05, 0.95, 0.95, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])

    table = reliability(claimed, lasted)

    assert [one.count for one in table if one is not None] == [1, 3]
    assert calibration_error(claimed, lasted) == pytest.approx((0.05 + 0.9) / 4)


def test_the_fit_finds_the_numbers_that_made_the_data() -> None:
    random = np.random.default_rng(1)
    features = np.column_stack([np.ones(20_000), random.normal(size=(20_000, 2))])
    truths = (random.random(20_000) < predict(features, np.array([0.5, 1.0, -2.0]))).astype(float)

    assert fit_logistic(features, truths) == pytest.approx([0.5, 1.0, -2.0], abs=0.1)


def judged_partials() -> list[Judged]:
    """One speaker whose partials last, and one whose partials do not."""
    shown = ShownText((DecodedWord("word", 0.9),), 0, 0, is_settled=False)
    sure = Judged(speaker="a", shown=shown, stability=0.5, has_lasted=True)
    return [sure] * 50 + [replace(sure, speaker="b", has_lasted=False)] * 50


def test_a_fit_is_judged_on_speakers_that_it_has_not_heard() -> None:
    fit = fit_stability(judged_partials())

    assert min(fit.half_errors) > 0.9


def test_a_fit_goes_into_the_models_file(tmp_path: Path) -> None:
    assert DEFAULT_MODEL.fitted is not None
    file = Path(shutil.copy(DEFAULT_MODEL.fitted, tmp_path))
    before = read_fitted(file, "calibration", Calibration)
    fit = fit_stability(judged_partials())

    write_fit(fit, file)

    after = read_fitted(file, "calibration", Calibration)
    assert replace(after, stability=before.stability) == before
    assert asdict(after.stability) == pytest.approx(fit.numbers, abs=0.006)
