from __future__ import annotations

import pytest

from scribewire.sources.hls.run import Run


@pytest.mark.parametrize(
    ("fed", "heard_s", "missed_s"),
    [
        ([], 0.0, 0.0),
        ([6.0], 0.0, 6.0),
        ([6.0, 6.0], 7.5, 4.5),
        ([6.0, 6.0], 12.0, 0.0),
        ([6.0, 6.0], 12.3, 0.0),  # durations are rounded
        ([6.0, 6.0, 4.0], 0.0, 10.0),  # all but the last two have been heard
        ([6.0] * 600, 3500.0, 12.0),
    ],
)
def test_what_was_fed_and_not_heard_is_missed(
    fed: list[float], heard_s: float, missed_s: float
) -> None:
    run = Run()
    for duration_s in fed:
        run.note_fed(duration_s)
    run.heard_s = heard_s

    assert run.missed_s == missed_s
