from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.cli.cues import MAX_CUE_MS, MAX_LINE_CHARS, MAX_LINES, MIN_CUE_MS, Cue, CueBuilder
from scribewire.protocol.results import FinalResult
from scribewire.types import Word


def said(text: str, at_ms: int = 0, word_ms: int = 250, speaker: str | None = None) -> FinalResult:
    """Return a final whose words follow each other; ` / ` is a pause of a second."""
    words: list[Word] = []
    for part in text.split():
        if part == "/":
            at_ms += 1000
            continue
        words.append(Word(text=part, start_ms=at_ms, end_ms=at_ms + word_ms, confidence=1.0))
        at_ms += word_ms
    plain = " ".join(word.text for word in words)
    return FinalResult(text=plain, offset_ms=at_ms, words=tuple(words), speaker=speaker)


def cues_of(*finals: FinalResult, labels: bool = False) -> list[Cue]:
    builder = CueBuilder(labels=labels)
    return [cue for final in finals for cue in builder.receive(final)] + builder.finish()


def texts_of(*finals: FinalResult, labels: bool = False) -> list[str]:
    return [" | ".join(cue.lines) for cue in cues_of(*finals, labels=labels)]


BREAKS = [
    # what is said, cues with their lines
    ("So it is.", ["So it is."]),
    (
        "It was the best of times, it was the worst of times.",
        ["It was the best of times, | it was the worst of times."],
    ),
    (
        "When he came home that evening nobody was there. He sat down at the window and waited.",
        [
            "When he came home that | evening nobody was there.",
            "He sat down at the window and waited.",
        ],
    ),
    (
        "We will go on with the second part of this meeting / and the treasurer reads what is due",
        [
            "We will go on with the | second part of this meeting",
            "and the treasurer reads what is due",
        ],
    ),
    ("a" * 100, ["a" * 42, "a" * 42 + " | " + "a" * 16]),
]


@pytest.mark.parametrize(("text", "expected"), BREAKS, ids=[text[:20] for text, _ in BREAKS])
def test_cues_break_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert texts_of(said(text)) == expected


def test_a_cue_stays_until_it_can_be_read_where_there_is_room() -> None:
    alone, crowded = said("Considerable misunderstandings.", 0, 100), said("Next one.", 1200)

    assert [(cue.start_ms, cue.end_ms) for cue in cues_of(alone)] == [(0, 1550)]
    assert cues_of(alone, crowded)[0].end_ms == 1200


def test_a_short_answer_is_joined_with_what_follows_of_the_same_speaker() -> None:
    yes, more = said("Yes.", 0, 200, "Speaker 1"), said("I do.", 800, 300, "Speaker 1")
    other = said("I do.", 800, 300, "Speaker 2")

    assert texts_of(yes, more) == ["Yes. I do."]
    assert texts_of(yes, other) == ["Yes.", "I do."]
    assert cues_of(yes, other)[1].start_ms == 1000


def test_a_label_stands_where_another_one_begins_to_speak() -> None:
    finals = (
        said("Good morning to you.", 0, 400, "Speaker 1"),
        said("And how are you?", 5000, 400, "Speaker 1"),
        said("Fine, thank you all.", 9000, 400, "Speaker 2"),
    )

    assert texts_of(*finals, labels=True) == [
        "Speaker 1: Good morning to you.",
        "And how are you?",
        "Speaker 2: Fine, thank you all.",
    ]
    assert [cue.speaker for cue in cues_of(*finals)] == ["Speaker 1", "Speaker 1", "Speaker 2"]


def test_words_without_times_get_those_before_the_end_of_their_final() -> None:
    (cue,) = cues_of(FinalResult(text="So it was then.", offset_ms=9000))

    assert (cue.start_ms, cue.end_ms, cue.lines) == (7600, 9000, ("So it was then.",))


def test_nothing_said_is_no_cue() -> None:
    assert cues_of(FinalResult(text="", offset_ms=900), FinalResult(text="", offset_ms=999)) == []


TEXT = st.text("abcé.,?-&<>1", min_size=1, max_size=60)
TIMES = st.integers(0, 12_000)


@st.composite
def finals(draw: st.DrawFn) -> list[FinalResult]:
    now_ms, made = 0, []
    for _ in range(draw(st.integers(0, 4))):
        words = []
        for text in draw(st.lists(TEXT, max_size=25)):
            now_ms += draw(TIMES) // draw(st.sampled_from([1, 10, 1000]))
            end_ms = now_ms + draw(TIMES) // draw(st.sampled_from([1, 10, 1000]))
            words.append(Word(text=text, start_ms=now_ms, end_ms=end_ms, confidence=0.5))
            now_ms = draw(st.sampled_from([now_ms, end_ms]))
        text = " ".join(word.text for word in words)
        timed = tuple(words) if draw(st.booleans()) else None
        speaker = draw(st.sampled_from([None, "Speaker 1", "Speaker 2"]))
        made.append(FinalResult(text=text, offset_ms=now_ms, words=timed, speaker=speaker))
    return made


@given(finals())
def test_every_cue_keeps_the_rules_and_no_word_is_lost(said_finals: list[FinalResult]) -> None:
    cues = cues_of(*said_finals)

    for cue in cues:
        assert 1 <= len(cue.lines) <= MAX_LINES
        assert all(0 < len(line) <= MAX_LINE_CHARS for line in cue.lines)
        assert MIN_CUE_MS <= cue.end_ms - cue.start_ms <= MAX_CUE_MS
    assert all(one.end_ms <= after.start_ms for one, after in pairwise(cues))
    shown = "".join("".join(cue.lines) for cue in cues).replace(" ", "")
    assert shown == "".join(final.text for final in said_finals).replace(" ", "")


@given(finals())
def test_labels_keep_the_rules_too(said_finals: list[FinalResult]) -> None:
    lines = [line for cue in cues_of(*said_finals, labels=True) for line in cue.lines]

    assert all(0 < len(line) <= MAX_LINE_CHARS for line in lines)
