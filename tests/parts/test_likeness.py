from __future__ import annotations

import numpy as np
import pytest

from scribewire.types import SAMPLE_RATE
from tests.parts.likeness import Likeness, measure_likeness

RANDOM = np.random.default_rng(7)
SPEECH = RANDOM.normal(0, 3000, SAMPLE_RATE).astype("<i2").tobytes()
OTHER = RANDOM.normal(0, 3000, SAMPLE_RATE).astype("<i2").tobytes()
HALF_S = SAMPLE_RATE  # in bytes


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (SPEECH, Likeness(correlation=1, delay_s=0, surplus_s=0)),
        (bytes(HALF_S) + SPEECH, Likeness(correlation=1, delay_s=0.5, surplus_s=0.5)),
        (SPEECH + bytes(HALF_S), Likeness(correlation=1, delay_s=0, surplus_s=0.5)),
        (SPEECH[HALF_S // 2 :], Likeness(correlation=1, delay_s=-0.25, surplus_s=-0.25)),
    ],
    ids=["the same", "later", "longer", "its beginning missing"],
)
def test_it_tells_what_has_become_of_a_recording(heard: bytes, expected: Likeness) -> None:
    found = measure_likeness(heard, SPEECH)

    assert found.correlation == pytest.approx(expected.correlation, abs=0.01)
    assert (found.delay_s, found.surplus_s) == (expected.delay_s, expected.surplus_s)


def test_something_else_is_not_like_it() -> None:
    assert measure_likeness(OTHER, SPEECH).correlation < 0.05
