"""Real speech on the real engines: what is said does not tell how often a server was killed."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.audio.local_decoder import read_audio
from scribewire.events import Final
from scribewire.recognition.checkpoint import BEGINNING, Checkpoint
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import RecognizerRules, rules_for
from scribewire.runtime.parcel import pack, unpack_checkpoint
from scribewire.testing.scripted import answer_all
from scribewire.types import SAMPLE_RATE, Mode
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.types import Samples

CHUNK = 1600  # 0.1 s
MOST_BYTES = 16_000


def read_asset(name: str, start_s: float, end_s: float) -> Samples:
    path = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))
    samples = np.concatenate(list(read_audio(path / name)))
    return samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def hear(
    samples: Samples, rules: RecognizerRules, engines: Engines, *, kill_every_s: float | None
) -> list[Final]:
    """Return the finals of a recognizer, or of one behind the other as each is killed."""
    last: tuple[bytes, int] = pack(BEGINNING), 0  # with the finals that were told before it
    finals: list[Final] = []
    recognizer = Recognizer(rules)
    kill_at = len(samples) if kill_every_s is None else round(kill_every_s * SAMPLE_RATE)
    while (at := recognizer.received_samples) < len(samples):
        if at >= kill_at:
            kill_at += round((kill_every_s or 0) * SAMPLE_RATE)
            checkpoint: Checkpoint = unpack_checkpoint(last[0])
            recognizer, finals = Recognizer(rules, checkpoint), finals[: last[1]]
            continue
        recognizer.receive_audio(samples[at : at + CHUNK])
        finals += _answer(recognizer, engines)
        if (found := recognizer.checkpoint()) is not None:
            last = pack(found), len(finals)
            assert len(last[0]) <= MOST_BYTES
    recognizer.receive_end()
    return finals + _answer(recognizer, engines)


def _answer(recognizer: Recognizer, engines: Engines) -> list[Final]:
    events = answer_all(recognizer, engines.vad, engines.speech[0], engines.voices)
    return [one for one in events if isinstance(one, Final)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "quality"])
@pytest.mark.parametrize(("name", "end_s"), [("two_cities.wav", 12), ("endgame_nagg_nell.wav", 16)])
def test_finals_are_the_same_to_the_last_bit(
    engines: Engines, name: str, end_s: float, mode: Mode
) -> None:
    speech = engines.speech[0]
    wishes = Wishes(mode=mode, speakers=True, partials=False)
    rules = rules_for(wishes, speech.traits, speech.calibration, max_utterance_ms=6_000)
    samples = read_asset(name, 0.7, end_s)

    killed = hear(samples, rules, engines, kill_every_s=2.9)

    assert killed == hear(samples, rules, engines, kill_every_s=None)
    assert killed
