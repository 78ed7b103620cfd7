from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.draft import decode_with_draft
from scribewire.engines.greedy import Decoded, decode_greedily

if TYPE_CHECKING:
    from scribewire.engines.greedy import Logits

START, END = 0, 1
VOCABULARY = 12
NO_LIMIT = 40


class Reciter:
    """Steps that want to say one text: what follows depends on all that was taken so far."""

    def __init__(self, wanted: Callable[[Sequence[int]], int]) -> None:
        self._wanted = wanted
        self.taken: list[int] = []
        self.calls = 0

    def next_logits(self, token: int) -> Logits:
        row: Logits = self.next_rows_of([token])[0]
        return row

    def next_rows_of(self, tokens: Sequence[int]) -> Logits:
        self.calls += 1
        rows = np.zeros((len(tokens), VOCABULARY), np.float32)
        for row, token in zip(rows, tokens, strict=True):
            self.taken.append(token)
            row[self._wanted(self.taken[1:])] = 9
        return rows

    def forget(self, count: int) -> None:
        del self.taken[len(self.taken) - count :]


def says(text: Sequence[int]) -> Reciter:
    """Say `text` whatever was said before."""
    return Reciter(lambda taken: [*text, END][min(len(taken), len(text))])


def decode(steps: Reciter, draft: Sequence[int], max_tokens: int = NO_LIMIT) -> Decoded:
    return decode_with_draft(steps, start=START, end=END, max_tokens=max_tokens, draft=draft)


TEXT = [2, 3, 4, 5, 6, 7, 8]
CASES = [
    # draft, calls
    ("right to the end", TEXT, 1),
    ("nothing", [], 8),
    ("its beginning", TEXT[:4], 4),  # 6, 7, 8 and the end are new
    ("more than all", [*TEXT, 9, 9], 1),
    ("one token wrong", [2, 3, 9, 5, 6, 7, 8], 2),
    ("one token missing", [2, 3, 5, 6, 7, 8], 3),  # 4 is first taken to stand in place of 5
    ("one token too many", [2, 3, 9, 4, 5, 6, 7, 8], 2),
    ("another beginning", [9, 9, 9, 2, 3, 4, 5, 6, 7, 8], 2),
]


@pytest.mark.parametrize(
    ("draft", "calls"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_as_much_of_a_draft_is_kept_as_is_right(draft: list[int], calls: int) -> None:
    steps = says(TEXT)

    found = decode(steps, draft)

    assert [token.id for token in found.tokens] == TEXT
    assert found.is_complete
    assert steps.calls <= calls


@given(
    draft=st.lists(st.integers(2, VOCABULARY - 1), max_size=12),
    seed=st.integers(0, 1000),
    max_tokens=st.integers(0, 9),
)
def test_no_draft_changes_the_text(draft: list[int], seed: int, max_tokens: int) -> None:
    def wanted(taken: Sequence[int]) -> int:
        """Whatever follows, it follows from everything before it."""
        return int(np.random.default_rng([seed, *taken]).integers(1, 5))

    greedy = decode_greedily(Reciter(wanted), start=START, end=END, max_tokens=max_tokens)

    assert decode(Reciter(wanted), draft, max_tokens) == greedy


def test_what_was_guessed_wrongly_is_forgotten() -> None:
    steps = says(TEXT)

    decode(steps, [2, 3, 9, 9, 9], max_tokens=5)

    assert steps.taken[1:] == TEXT[: len(steps.taken) - 1]


def test_the_guard_stops_a_loop_and_says_so() -> None:
    steps = Reciter(lambda _: 7)

    found = decode(steps, [7] * 30, max_tokens=4)

    assert [token.id for token in found.tokens] == [7] * 4
    assert not found.is_complete
    assert steps.calls == 1
