from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.types import ms_to_samples, samples_to_ms


@pytest.mark.parametrize(("samples", "ms"), [(0, 0), (15, 0), (16, 1), (16_000, 1000), (512, 32)])
def test_samples_become_whole_milliseconds_rounded_down(samples: int, ms: int) -> None:
    assert samples_to_ms(samples) == ms


@given(st.integers(0, 10**9))
def test_milliseconds_survive_the_way_to_samples_and_back(ms: int) -> None:
    assert samples_to_ms(ms_to_samples(ms)) == ms
