from __future__ import annotations

import numpy as np
import pytest

from scribewire.capacity.latency import Latencies
from scribewire.capacity.trials import (
    Trial,
    cut_utterances,
    find_recordings,
    first_guess,
)
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from scribewire.testing.scripted import ScriptedVad, draw_speech
from scribewire.types import SAMPLE_RATE


def trial(cpu_s_per_audio_s: float) -> Trial:
    return Trial(
        streams=1,
        latencies=Latencies(),
        cpu_s_per_audio_s=cpu_s_per_audio_s,
        cores_used=0,
        rss_bytes=0,
        shortfalls=(),
    )


@pytest.mark.parametrize(
    ("cost", "cores", "guess"), [(0.1, 2, 18), (0.6, 2, 3), (3.0, 1, 2), (0.0, 1, 900)]
)
def test_the_search_begins_where_the_cores_would_be_busy(
    cost: float, cores: int, guess: int
) -> None:
    assert first_guess(trial(cost), cores) == guess


def test_a_recording_is_cut_into_its_utterances() -> None:
    samples = draw_speech("." * 20 + "a" * 10 + "." * 40 + "b" * 20 + "." * 20)

    one, other = cut_utterances(samples, ScriptedVad())

    assert np.count_nonzero(one) == 10 * 512
    assert np.count_nonzero(other) == 20 * 512
    assert one.size == 10 * 512 + 2 * 3200


@pytest.mark.slow
def test_the_default_model_brings_enough_speech() -> None:
    vad = SileroVad.load(SILERO_VAD)

    recordings = find_recordings(vad)

    vad.close()
    assert len(recordings) >= 10
    assert sum(one.samples.size for one in recordings) > 40 * SAMPLE_RATE
    assert max(one.samples.size for one in recordings) < 16 * SAMPLE_RATE
