from __future__ import annotations

import pytest

from scribewire.sources.retry import Backoff, RetryRules

NOW = 100.0
RULES = RetryRules(give_up_after_s=60, first_wait_s=1, max_wait_s=8)


def waits(backoff: Backoff, *, now: float = NOW) -> list[float]:
    """Wait as told until it gives up; every try fails at once."""
    found = []
    while (wait_s := backoff.next_wait_s(now)) is not None:
        found.append(wait_s)
        now += wait_s
    return found


def test_waits_double_up_to_the_most_and_fill_the_patience() -> None:
    found = waits(Backoff(RULES, lambda: 0.0))

    assert found[:5] == [1, 2, 4, 8, 8]
    assert sum(found) == 60


def test_jitter_takes_up_to_half_of_a_wait_away() -> None:
    assert waits(Backoff(RULES, lambda: 1.0))[:4] == [0.5, 1, 2, 4]
    assert waits(Backoff(RULES, lambda: 0.5))[0] == 0.75


def test_patience_counts_from_the_loss_and_begins_anew_with_audio() -> None:
    backoff = Backoff(RULES, lambda: 0.0)
    assert backoff.next_wait_s(NOW) == 1
    assert backoff.next_wait_s(NOW + 59.5) == pytest.approx(0.5)
    assert backoff.next_wait_s(NOW + 60) is None

    backoff.note_audio()

    assert backoff.next_wait_s(NOW + 1000) == 1


def test_no_patience_never_tries_again() -> None:
    assert waits(Backoff(RetryRules(give_up_after_s=0), lambda: 0.0)) == []
