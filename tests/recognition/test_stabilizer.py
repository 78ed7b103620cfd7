from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.stabilizer import (
    DecodedWord,
    Stabilizer,
    continuation,
    cut_repetition,
)
from scribewire.testing.scripted import SCRIPTED_CALIBRATION


def words_of(text: str) -> list[DecodedWord]:
    """`word` is sure, `word?` likely, `word??` doubtful."""
    probabilities = {0: 0.95, 1: 0.6, 2: 0.2}
    return [
        DecodedWord(word.rstrip("?"), probabilities[len(word) - len(word.rstrip("?"))])
        for word in text.split()
    ]


def shown(*hypotheses: str) -> list[str]:
    """A hypothesis that ends in `|` was decoded in a pause."""
    stabilizer = Stabilizer(SCRIPTED_CALIBRATION.showing)
    return [
        stabilizer.receive_hypothesis(
            words_of(hypothesis.rstrip("|")), is_settled=hypothesis.endswith("|")
        ).text
        for hypothesis in hypotheses
    ]


CASES = [
    ("nothing decoded", [""], [""]),
    ("the first word shows at once", ["it"], ["it"]),
    ("even a likely one", ["it?"], ["it"]),
    ("but not a doubtful one", ["it??"], [""]),
    ("what follows it must be sure", ["it was the", "it was? the"], ["it was", "it was"]),
    ("and not the last word", ["it was", "it was the best"], ["it", "it was the"]),
    (
        "what two agree on is shown even if it is doubtful",
        ["it was", "it was the?? best of", "it was the?? best of times"],
        ["it", "it was", "it was the best of"],
    ),
    (
        "what is stable stays as it was",
        ["the folk are", "the folk are here", "a fork are here now"],
        ["the folk", "the folk are", "the folk are here"],
    ),
    (
        "case and marks do not make another word",
        ["Well, yes", "Well, yes it", "well yes it is"],
        ["Well", "Well, yes", "Well, yes it"],
    ),
    ("in a pause the last word counts", ["it", "it was over.|"], ["it", "it was over."]),
    (
        "a mark at the end waits for what follows",
        ["it", "it was over. And", "it was over. And then"],
        ["it", "it was over", "it was over. And"],
    ),
    (
        "a loop is cut before it repeats",
        ["for the wind for the wind for the wind for"],
        ["for the"],
    ),
]


@pytest.mark.parametrize(("name", "hypotheses", "expected"), CASES, ids=[c[0] for c in CASES])
def test_what_is_shown(name: str, hypotheses: list[str], expected: list[str]) -> None:
    assert shown(*hypotheses) == expected, name


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c?", "d??"]), max_size=8), max_size=10))
def test_a_stable_prefix_is_never_taken_back(hypotheses: list[list[str]]) -> None:
    stabilizer = Stabilizer(SCRIPTED_CALIBRATION.showing)
    kept: tuple[DecodedWord, ...] = ()
    for number, words in enumerate(hypotheses):
        text = stabilizer.receive_hypothesis(words_of(" ".join(words)), is_settled=number % 3 == 0)

        assert text.words[: len(kept)] == kept
        assert text.stable_count <= len(text.words)
        kept = text.words[: text.stable_count]


@pytest.mark.parametrize(
    ("stable", "words", "expected"),
    [
        ("", "a b", 0),
        ("a b", "a b c", 2),
        ("a b", "x b c", 2),
        ("a b c", "x a b c d", 4),
        ("a b c", "b c d", 2),
        ("a b c", "x y z w", 3),
        ("a b c", "x", 1),
    ],
)
def test_where_a_hypothesis_goes_on(stable: str, words: str, expected: int) -> None:
    assert continuation(words_of(stable), words_of(words)) == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("it was the best of times it was the worst of times", None),
        ("no no", None),
        ("no no no", "no"),
        ("we had all before us we had all before us we", "we had all before us"),
        ("the wind for the wind for the wind", "the wind for"),
        ("that that is is", None),
        ("a b a b a b", "a b"),
    ],
)  # fmt: skip
def test_repetitions_are_cut_and_figures_of_speech_are_not(text: str, kept: str | None) -> None:
    assert list(cut_repetition(words_of(text))) == words_of(kept or text)
