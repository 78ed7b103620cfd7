from __future__ import annotations

import pytest

from scribewire.runtime.rate import Rate

NOW = 1000.0
WINDOW_S = 5.0


def test_a_steady_rate_is_found_and_fades() -> None:
    rate = Rate(WINDOW_S)
    for tick in range(1000):
        rate.add(0.02, NOW + tick / 10)

    latest = NOW + 99.9
    assert rate.at(latest) == pytest.approx(0.2, rel=0.05)
    assert rate.at(latest + WINDOW_S) == pytest.approx(0.2 / 2.718, rel=0.05)


def test_a_clock_reading_from_before_the_last_one_changes_nothing() -> None:
    rate = Rate(WINDOW_S)
    rate.add(1.0, NOW)

    assert rate.at(NOW - 1) == rate.at(NOW)
