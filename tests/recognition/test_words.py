from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.requests import Hypothesis, Token
from scribewire.recognition.words import place_words as place_calibrated
from scribewire.testing.scripted import SCRIPTED_CALIBRATION
from scribewire.types import Span, Word

MS = 16  # samples
WINDOW = Span(1000 * MS, 5000 * MS)
ALL_SPEECH = (WINDOW,)


def token(text: str, start_ms: int | None = None, end_ms: int | None = None) -> Token:
    start = None if start_ms is None else start_ms * MS
    end = None if end_ms is None else end_ms * MS
    return Token(7, math.log(0.5), text, start, end)


def hypothesis(*tokens: Token) -> Hypothesis:
    return Hypothesis("".join(token.text for token in tokens).strip(), tokens)


def place_words(found: Hypothesis, *, window: Span, speech: Sequence[Span]) -> tuple[Word, ...]:
    curve = SCRIPTED_CALIBRATION.confidence
    return place_calibrated(found, window=window, speech=speech, curve=curve)


def place(
    *tokens: Token, speech_ms: tuple[tuple[int, int], ...] = ((0, 9999),)
) -> list[tuple[str, int, int]]:
    speech = [Span(start * MS, end * MS) for start, end in speech_ms]
    words = place_words(hypothesis(*tokens), window=WINDOW, speech=speech)
    return [(word.text, word.start_ms, word.end_ms) for word in words]


def test_nothing_decoded_has_no_words() -> None:
    assert place_words(Hypothesis("", ()), window=WINDOW, speech=ALL_SPEECH) == ()


def test_a_word_has_the_times_of_its_tokens_in_the_stream() -> None:
    found = place(
        token(" Ever", 0, 300), token(" tri", 400, 500), token("ed", 500, 700), token(".", 700, 700)
    )

    assert found == [("Ever", 1000, 1300), ("tried.", 1400, 1700)]


KEPT_TO_SPEECH = [
    # Times of the token in its request, which begins at 1000 ms of the stream.
    ("inside", (100, 400), ((1000, 2000),), (1100, 1400)),
    ("begins before the speech", (0, 400), ((1200, 2000),), (1200, 1400)),
    ("ends after the speech", (100, 900), ((1000, 1500),), (1100, 1500)),
    ("reaches back into a pause", (300, 800), ((1000, 1200), (1500, 2000)), (1500, 1800)),
    ("reaches on into a pause", (300, 800), ((1000, 1600), (1900, 2000)), (1300, 1600)),
    ("spans a pause", (300, 900), ((1000, 1600), (1700, 2000)), (1300, 1900)),
    ("as a whole in a pause", (300, 400), ((1000, 1200), (1500, 2000)), (1300, 1400)),
    ("as a whole before the speech", (0, 100), ((1200, 2000),), (1200, 1220)),
    ("as a whole after the speech", (800, 900), ((1200, 1500),), (1480, 1500)),
    ("beyond the samples", (3900, 4500), ((0, 9000),), (4900, 5000)),
    ("no speech at all", (100, 400), (), (1100, 1400)),
    ("speech somewhere else only", (100, 400), ((0, 500), (7000, 8000)), (1100, 1400)),
]


@pytest.mark.parametrize(
    ("time", "speech", "expected"),
    [case[1:] for case in KEPT_TO_SPEECH],
    ids=[case[0] for case in KEPT_TO_SPEECH],
)
def test_words_keep_to_the_speech(
    time: tuple[int, int],
    speech: tuple[tuple[int, int], ...],
    expected: tuple[int, int],
) -> None:
    assert place(token(" no", *time), speech_ms=speech) == [("no", *expected)]


def test_words_that_overlap_are_put_in_a_row() -> None:
    found = place(token(" a", 100, 500), token(" b", 300, 400), token(" c", 350, 900))

    assert found == [("a", 1100, 1500), ("b", 1500, 1520), ("c", 1520, 1900)]


SHORT_OF_TIME = [
    ("two words before the speech", ((0, 100), (100, 180)), (200, 400), ((200, 220), (220, 240))),
    ("two words after the speech", ((500, 600), (700, 800)), (200, 400), ((360, 380), (380, 400))),
    ("all at one moment", ((300, 300),) * 3, (200, 400), ((300, 320), (320, 340), (340, 360))),
    ("the last has none left", ((250, 400), (400, 400)), (200, 400), ((250, 380), (380, 400))),
    ("hardly any speech", ((200, 210),) * 4, (200, 210), ((200, 202), (202, 205), (205, 207))),
]


@pytest.mark.parametrize(
    ("times", "speech", "expected"),
    [case[1:] for case in SHORT_OF_TIME],
    ids=[case[0] for case in SHORT_OF_TIME],
)
def test_every_word_lasts(
    times: tuple[tuple[int, int], ...],
    speech: tuple[int, int],
    expected: tuple[tuple[int, int], ...],
) -> None:
    words = [token(" no", *time) for time in times]
    inside = (1000 + speech[0], 1000 + speech[1])

    found = place(*words, speech_ms=(inside,))

    placed = [(start - 1000, end - 1000) for _, start, end in found]
    assert placed[: len(expected)] == list(expected)
    assert placed[-1][1] <= speech[1]


def test_a_token_inside_two_words_belongs_to_both() -> None:
    assert place(token(" a b", 100, 500)) == [("a", 1100, 1500), ("b", 1500, 1520)]


def test_without_times_words_are_spread_over_the_speech() -> None:
    found = place(token(" a"), token(" b"), speech_ms=((1200, 1400), (1500, 1600)))

    assert found == [("a", 1200, 1400), ("b", 1500, 1600)]  # and kept out of the pause


def test_tokens_that_do_not_spell_the_text_are_not_believed() -> None:
    words = place_words(
        Hypothesis("good morning", (token(" bad", 0, 100),)), window=WINDOW, speech=ALL_SPEECH
    )

    assert [(word.text, word.start_ms, word.end_ms) for word in words] == [
        ("good", 1000, 3000),
        ("morning", 3000, 5000),
    ]
    assert [word.confidence for word in words] == [0, 0]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([" a", "  b"], ["a", " b"]),
        ([" a ", " b"], ["a", " b"]),
        (["-", " a"], ["-", "a"]),
        ([" ", "a"], ["a"]),
        ([" caf\u00e9", "", "s"], ["caf\u00e9s"]),
        ([" a\u00a0b"], ["a\u00a0b"]),
        (["\n", " a\n", " b"], ["a\n b"]),
    ],
)
def test_joined_words_are_the_text_whatever_it_is(texts: list[str], words: list[str]) -> None:
    decoded = hypothesis(*(token(text, 0, 100) for text in texts))

    found = [word.text for word in place_words(decoded, window=WINDOW, speech=ALL_SPEECH)]

    assert found == words
    assert " ".join(found) == decoded.text


def test_a_word_is_as_sure_as_its_tokens() -> None:
    tokens = (
        Token(1, math.log(0.9), " Ever", 0, 10),
        Token(2, math.log(0.8), " tri", 10, 20),
        Token(3, math.log(0.2), "ed", 20, 30),
    )

    words = place_words(hypothesis(*tokens), window=WINDOW, speech=ALL_SPEECH)

    assert [word.confidence for word in words] == pytest.approx([0.935, 0.314])


positions = st.integers(0, 3000)
pieces = st.one_of(
    st.sampled_from([" a", "b", ".", " -", "  c", " ", "", "\ufffd", " d e", "\u2014", "\n"]),
    st.text(max_size=3),
)
odd_tokens = st.builds(
    Token,
    id=st.integers(0, 32767),
    logprob=st.floats(-50, 0),
    text=pieces,
    start=st.one_of(st.none(), positions),
    end=st.one_of(st.none(), positions),
)
intervals = st.lists(st.integers(0, 5000), max_size=9, unique=True).map(
    lambda edges: [
        Span(start, end)
        for start, end in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)
    ]
)


@given(
    tokens=st.lists(odd_tokens, max_size=12),
    placed=st.tuples(st.integers(0, 2000), st.integers(0, 3000)),
    speech=intervals,
)
def test_words_spell_the_text_and_never_run_backwards(
    tokens: list[Token], placed: tuple[int, int], speech: list[Span]
) -> None:
    given_to_it = hypothesis(*tokens)
    stretch = Span(placed[0], placed[0] + placed[1])

    words = place_words(given_to_it, window=stretch, speech=speech)

    assert " ".join(word.text for word in words) == given_to_it.text
    inside = [
        Span(max(interval.start, stretch.start), min(interval.end, stretch.end))
        for interval in speech
        if interval.start < stretch.end and interval.end > stretch.start
    ] or [stretch]
    first, last = inside[0].start // 16, inside[-1].end // 16
    edges = [first, *(edge for word in words for edge in (word.start_ms, word.end_ms))]
    assert edges == sorted(edges)
    assert all(word.start_ms < word.end_ms for word in words)
    assert edges[-1] <= max(last, first + len(words))  # a millisecond each, if there is no room
    assert all(0 <= word.confidence <= 1 for word in words)
