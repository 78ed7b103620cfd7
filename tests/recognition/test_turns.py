from __future__ import annotations

import pytest

from scribewire.recognition.requests import Turn, TurnResult
from scribewire.recognition.turns import (
    LOOK_INTERVAL_SAMPLES,
    MIN_TURN_SAMPLES,
    SpeakerChanged,
    TurnWatcher,
)
from scribewire.types import SAMPLE_RATE, Span

TENTH = SAMPLE_RATE // 10


def draw_turns(picture: str) -> TurnResult:
    """Read a picture of a tenth of a second a character; a letter is a voice, `.` is none."""
    turns = [
        Turn(voice=ord(letter), start=at * TENTH, end=(at + 1) * TENTH)
        for at, letter in enumerate(picture)
        if letter != "."
    ]
    return TurnResult(tuple(turns))


# The picture, and between which tenths the change lies.
CASES = [
    ("one voice", "aaaaaaaaaaaaaaaa", None),
    ("one voice with a pause", "aaaaaaaa....aaaaaaaa", None),
    ("another voice", "aaaaaaaabbbbbbbb", (8, 8)),
    ("another voice after a pause", "aaaaaaaa...bbbbbbbb", (8, 11)),
    ("a short word between is not trusted", "aaaaaaaabbbaaaaaaaa", None),
    ("nor a short one at the end", "aaaaaaaaaaaa..bbbb", None),
    ("nor one at the beginning", "bbb..aaaaaaaaaaaa", None),
    ("pauses do not make a turn long", "aaaaaaaaaa.b....b....b", None),
    ("the first of two changes", "aaaaaaaabbbbbbbb..aaaaaaaa", (8, 8)),
    ("silence", "..........", None),
]


@pytest.mark.parametrize(("picture", "tenths"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_where_the_speaker_changes(picture: str, tenths: tuple[int, int] | None) -> None:
    watcher = TurnWatcher()
    watcher.begin(1000)

    found = watcher.find_change(Span(1000, 1000 + len(picture) * TENTH), draw_turns(picture))

    expected = tenths and SpeakerChanged(1000 + tenths[0] * TENTH, 1000 + tenths[1] * TENTH)
    assert found == expected


def test_a_growing_utterance_is_looked_at_in_intervals() -> None:
    watcher = TurnWatcher()
    watcher.begin(1000)
    due = 1000 + LOOK_INTERVAL_SAMPLES

    assert watcher.due_window(due - 1, is_settled=False) is None
    window = watcher.due_window(due, is_settled=False)
    assert window == Span(1000, due)
    watcher.find_change(window, TurnResult(()))
    assert watcher.due_window(due + 1, is_settled=False) is None


def test_a_settled_one_is_looked_at_when_enough_of_it_is_new() -> None:
    watcher = TurnWatcher()
    watcher.begin(0)

    assert watcher.due_window(2 * MIN_TURN_SAMPLES - 1, is_settled=True) is None
    window = watcher.due_window(2 * MIN_TURN_SAMPLES, is_settled=True)
    assert window == Span(0, 2 * MIN_TURN_SAMPLES)
    watcher.find_change(window, TurnResult(()))
    assert watcher.due_window(3 * MIN_TURN_SAMPLES - 1, is_settled=True) is None
    assert watcher.due_window(3 * MIN_TURN_SAMPLES, is_settled=True) is not None


def test_a_long_utterance_is_looked_at_by_its_last_ten_seconds() -> None:
    watcher = TurnWatcher()
    watcher.begin(0)

    assert watcher.due_window(200_000, is_settled=False) == Span(40_000, 200_000)
