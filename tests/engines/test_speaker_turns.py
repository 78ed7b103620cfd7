from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.engines.speaker_turns import SpeakerTurns
from scribewire.errors import ServerFault
from scribewire.recognition.requests import MAX_TURN_SAMPLES, TurnRequest
from scribewire.testing import check_engine
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples


@pytest.fixture(scope="module")
def turns() -> Iterator[SpeakerTurns]:
    engine = SpeakerTurns.load()
    yield engine
    engine.close()


def request(samples: Samples) -> TurnRequest:
    return TurnRequest(utterance=0, samples=samples)


@pytest.mark.slow
def test_two_voices_have_a_turn_each(
    turns: SpeakerTurns, read_recording: Callable[[str], Samples]
) -> None:
    dialogue = read_recording("endgame_nagg_nell.wav")

    found = turns.find_turns(request(dialogue[10 * SAMPLE_RATE : 20 * SAMPLE_RATE])).turns

    voices = [turn.voice for turn in found]
    assert len(set(voices)) == 2
    assert voices == voices[:2] * 2 + voices[:1]


@pytest.mark.slow
def test_turns_stay_inside_the_samples_and_in_their_order(
    turns: SpeakerTurns, read_recording: Callable[[str], Samples]
) -> None:
    samples = read_recording("beckett.wav")[: 5 * SAMPLE_RATE + 123]

    found = turns.find_turns(request(samples)).turns

    edges = [edge for turn in found for edge in (turn.start, turn.end)]
    assert edges == sorted(edges)
    assert edges[-1] <= len(samples)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_nobody_speaks_in_silence(turns: SpeakerTurns, value: float) -> None:
    assert turns.find_turns(request(np.full(SAMPLE_RATE, value, np.float32))).turns == ()


def test_no_samples_have_no_turns(turns: SpeakerTurns) -> None:
    assert turns.find_turns(request(np.zeros(0, np.float32))).turns == ()


def test_more_than_the_window_is_refused(turns: SpeakerTurns) -> None:
    with pytest.raises(ServerFault, match="expected at most 160000"):
        turns.find_turns(request(np.zeros(MAX_TURN_SAMPLES + 1, np.float32)))


@pytest.mark.slow
def test_it_keeps_the_contract_of_an_engine() -> None:
    check_engine(SpeakerTurns.load)
