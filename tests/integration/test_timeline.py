"""A long stream: no position drifts, and no buffer grows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from scribewire.events import Final, Partial, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    answer_all,
    draw_speech,
    scripted_rules,
)
from scribewire.types import SAMPLE_RATE

FRAME_MS = 32
# More than the 2**24 samples to which a float32 can count.
HALF_AN_HOUR_FRAMES = 1800 * SAMPLE_RATE // FRAME_SAMPLES
TWO_HOURS_FRAMES = 7200 * SAMPLE_RATE // FRAME_SAMPLES
FAST = scripted_rules()
PAD_FRAMES = FAST.pad_after_samples // FRAME_SAMPLES
LONGEST_CHUNK = SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Drawn:
    """One utterance with the silence before it, and where its last letter ends."""

    picture: str
    end_frame: int

    @property
    def text(self) -> str:
        return self.picture.strip(".")


def draw_utterances(seed: int) -> Iterator[Drawn]:
    """Half an hour of utterances of 0.1 to 6 s, with 0.7 to 4 s of silence before each."""
    chosen = random.Random(seed)
    frame = 0
    while frame < HALF_AN_HOUR_FRAMES:
        silence = "." * chosen.randint(22, 125)
        picture = silence + "".join(chosen.choices("abcdefghij", k=chosen.randint(4, 190)))
        frame += len(picture)
        yield Drawn(picture, frame)


class Listener:
    """A recognizer fed with pictures, in chunks of every size."""

    def __init__(self, rules: RecognizerRules, *, seed: int) -> None:
        self._chosen = random.Random(seed)
        self._recognizer = Recognizer(rules)
        self._vad, self._speech = ScriptedVad(), ScriptedEngine()
        self._events: list[TranscriptEvent] = []
        self.most_buffered = 0  # samples

    def feed(self, picture: str) -> None:
        samples = draw_speech(picture)
        at = 0
        while at < len(samples):
            chunk = self._chosen.randint(1, LONGEST_CHUNK)
            self._recognizer.receive_audio(samples[at : at + chunk])
            at += chunk
            self._answer()

    def end(self) -> None:
        self._recognizer.receive_end()
        self._answer()

    def partials(self) -> list[Partial]:
        return [event for event in self._events if isinstance(event, Partial)]

    def words(self) -> list[tuple[int, int]]:
        """When each word began and ended, in milliseconds."""
        return [
            (word.start_ms, word.end_ms)
            for event in self._events
            if isinstance(event, Final)
            for word in event.words or ()
        ]

    def finals(self) -> list[tuple[int, str, int]]:
        return [
            (event.utterance, event.text, event.end_sample)
            for event in self._events
            if isinstance(event, Final)
        ]

    def _answer(self) -> None:
        self.most_buffered = max(self.most_buffered, self._recognizer.buffered_samples)
        self._events += answer_all(self._recognizer, self._vad, self._speech)
        self._speech.requests.clear()


def is_inside(partial: Partial, utterance: Drawn) -> bool:
    """Whether what was decoded for it ends in the utterance's speech or in the pad after it."""
    end = partial.end_sample / FRAME_SAMPLES
    return utterance.end_frame - len(utterance.text) < end <= utterance.end_frame + PAD_FRAMES


@pytest.mark.slow
def test_half_an_hour_of_utterances_stay_where_they_were_drawn_in_flat_memory() -> None:
    drawn = list(draw_utterances(seed=1))
    listener = Listener(FAST, seed=2)
    for utterance in drawn:
        listener.feed(utterance.picture)
    listener.end()

    last_end = drawn[-1].end_frame * FRAME_SAMPLES  # no silence follows it
    assert last_end >= 1800 * SAMPLE_RATE
    assert listener.finals() == [
        (number, utterance.text, min((utterance.end_frame + PAD_FRAMES) * FRAME_SAMPLES, last_end))
        for number, utterance in enumerate(drawn)
    ]
    assert listener.words() == [
        ((u.end_frame - len(u.text)) * FRAME_MS, u.end_frame * FRAME_MS) for u in drawn
    ]
    assert all(is_inside(partial, drawn[partial.utterance]) for partial in listener.partials())
    assert len(listener.partials()) > len(drawn) // 2  # there are some to look at
    context = scripted_rules().context_samples
    assert listener.most_buffered <= 190 * FRAME_SAMPLES + 2 * SAMPLE_RATE + context


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["a", "."])
def test_two_hours_without_a_change_fill_no_buffer(letter: str) -> None:
    listener = Listener(scripted_rules(partials=False), seed=5)
    for _ in range(TWO_HOURS_FRAMES // 1000):
        listener.feed(letter * 1000)

    longest = FAST.endpoint.max_utterance * FRAME_SAMPLES + FAST.context_samples
    assert listener.most_buffered <= longest + LONGEST_CHUNK + 2 * SAMPLE_RATE
