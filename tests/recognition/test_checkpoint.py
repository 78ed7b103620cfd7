"""Another recognizer goes on from a checkpoint to the same finals, wherever it was taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.engines import Engines
from scribewire.events import Final, Partial, SpeechStarted
from scribewire.recognition.checkpoint import BEGINNING, Checkpoint, begin_anew
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Request,
    VadRequest,
    VadResult,
)
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedStreamingEngine,
    draw_speech,
    scripted_rules,
)
from tests.recognition.drawn import LONG, SPEECH, TALK, voices

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERY_RULES = {
    "fast": scripted_rules(),
    "quality": scripted_rules(mode="quality"),
    "cut often": scripted_rules(max_utterance_ms=2000),
    "speakers": scripted_rules(speakers=True),
    "speakers, cut": scripted_rules(speakers=True, max_utterance_ms=3500),
    "no partials": scripted_rules(partials=False, speakers=True),
    "alone": replace(scripted_rules(), context_samples=0),
    "streaming": scripted_rules(traits=replace(SCRIPTED_TRAITS, is_streaming=True)),
    "a prompt": replace(scripted_rules(), prompt_tokens=20, languages=("de", "en")),
}
WORDS = [*("." * count for count in (1, 3, 7, 13, 20, 60)), "a" * 30, "B" * 30, "B" * 5]
WORDS += ["1" * 40, "1" * 26, "b" * 12, "b" * 100, "C" * 110, "a"]


class Polyglot(ScriptedEngine):
    """Hears German where most letters are capital, and less readily where it expects English.

    What it is sure of depends on what it was told was said before.
    """

    takes_any_prefix = True

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the letters, their language, and how sure it is."""
        found = super().decode(request).hypothesis
        assert found is not None
        capitals = sum(letter.isupper() for letter in found.text)
        needed = len(found.text) * (0.9 if request.expected == "en" else 0.5)
        language = "de" if capitals > needed else "en"
        if len(request.languages) == 1:
            language = request.languages[0]
        logprob = -0.1 - (sum(request.prompt) + len(request.prefix)) % 7 / 100
        tokens = tuple(replace(token, logprob=logprob) for token in found.tokens)
        return DecodeResult(replace(found, tokens=tokens, language=language))


class StreamingPolyglot(Polyglot, ScriptedStreamingEngine):
    """The same, which decodes piece by piece too."""


class RememberingVad:
    """A VAD whose frame depends on the one before, and that wants each once, in order."""

    def measure(self, request: VadRequest) -> VadResult:
        """Call the first silent frame behind a sound neither speech nor silence."""
        frames = np.any(request.frames.reshape(-1, FRAME_SAMPLES), axis=1)
        sounded = np.concatenate([[request.state == b"\x01"], frames[:-1]])
        probabilities = tuple(
            0.9 if now else 0.4 if before else 0.1
            for now, before in zip(frames, sounded, strict=True)
        )
        return VadResult(probabilities, bytes([int(frames[-1])]))

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class Player:
    """Plays audio to one recognizer; answers come at random, and so do checkpoints."""

    rules: RecognizerRules
    random: np.random.Generator
    checkpoint: Checkpoint = BEGINNING
    finals: list[Final] = field(default_factory=list)
    """Told before the checkpoint, and since."""
    told_before: int = 0
    """How many before the checkpoint."""
    recognizer: Recognizer = field(init=False)
    engines: Engines = field(init=False)
    engine: ScriptedEngine = field(init=False)
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        is_streaming = self.rules.traits.is_streaming
        self.engine = StreamingPolyglot() if is_streaming else Polyglot()
        self.engines = Engines(RememberingVad(), (self.engine,), voices())
        self.recognizer = Recognizer(self.rules, self.checkpoint)

    def answer(self, steps: int) -> None:
        for _ in range(steps):
            while (request := self.recognizer.next_request()) is not None:
                self.asked.append(request)
            if not self.asked:
                break
            self._answer(self.asked.pop(int(self.random.integers(len(self.asked)))))
            self._take_events()

    def answer_all(self) -> None:
        while self.asked or not self.recognizer.is_finished:
            self.answer(40)
        self._take_events()

    def kill(self) -> Player:
        """Return one that goes on from the last checkpoint, with what was told before it."""
        finals = self.finals[: self.told_before]
        return Player(self.rules, self.random, self.checkpoint, finals, self.told_before)

    def _answer(self, request: Request) -> None:
        may_drop = isinstance(request, DecodeRequest) and not request.is_required
        if may_drop and self.random.random() < 0.5:
            self.recognizer.receive_result(request, DecodeResult(None))
        else:
            self.recognizer.receive_result(request, self.engines.answer(request, self.engine))

    def _take_events(self) -> None:
        while (event := self.recognizer.next_event()) is not None:
            self.finals += [event] if isinstance(event, Final) else []
            self._look()
        self._look()

    def _look(self) -> None:
        found = self.recognizer.checkpoint()
        if found is not None and self.random.random() < 0.7:
            assert found.begin >= self.checkpoint.begin
            assert found.begin <= self.recognizer.received_samples
            self.checkpoint, self.told_before = found, len(self.finals)


def play(
    picture: str,
    rules: RecognizerRules,
    *,
    seed: int = 0,
    kills: Iterable[int] = (),
    breaks: Iterable[int] = (),
) -> list[Final]:
    """Return the finals of a drawn stream that is killed at some samples, and breaks off at some.

    Whoever sends it sends again from where the checkpoint begins, and breaks off there again.
    """
    samples = draw_speech(picture)
    player = Player(rules, np.random.default_rng(seed))
    edges = sorted({*range(0, len(samples), 3000), *kills, *breaks, len(samples)})
    left = set(kills)
    while (at := player.recognizer.received_samples) < len(samples):
        end = next(edge for edge in edges if edge > at)
        player.recognizer.receive_audio(samples[at:end])
        if end in breaks:
            player.recognizer.receive_break()
        player.answer(int(player.random.integers(12)))
        if end in left:
            left.remove(end)
            player = player.kill()
    player.recognizer.receive_end()
    player.answer_all()
    return [one for one in player.finals if one.text]  # without text, load decides


@given(
    words=st.lists(st.sampled_from(WORDS), max_size=14),
    rules=st.sampled_from(sorted(EVERY_RULES)),
    seed=st.integers(0, 2**32 - 1),
    kills_every=st.integers(2_000, 60_000),
    breaks=st.frozensets(st.integers(1, 300 * FRAME_SAMPLES), max_size=2),
)
def test_whoever_is_killed_when_the_finals_are_the_same(
    words: list[str], rules: str, seed: int, kills_every: int, breaks: frozenset[int]
) -> None:
    picture = "".join(words)
    kills = range(kills_every, len(picture) * FRAME_SAMPLES, kills_every)

    killed = play(picture, EVERY_RULES[rules], seed=seed, kills=kills, breaks=breaks)

    assert killed == play(picture, EVERY_RULES[rules], breaks=breaks)


@pytest.mark.parametrize("rules", sorted(EVERY_RULES))
@pytest.mark.parametrize("picture", [SPEECH, TALK, LONG])
def test_one_that_is_killed_all_the_time_says_the_same(picture: str, rules: str) -> None:
    kills = range(5_000, len(picture) * FRAME_SAMPLES, 7_001)

    killed = play(picture, EVERY_RULES[rules], kills=kills)

    assert killed == play(picture, EVERY_RULES[rules])
    assert killed


def test_by_default_it_is_where_every_stream_begins() -> None:
    assert Recognizer(EVERY_RULES["a prompt"]).checkpoint() == BEGINNING == Checkpoint()


def test_one_that_knows_nothing_goes_on_with_the_numbers() -> None:
    checkpoint = begin_anew(100 * FRAME_SAMPLES, utterances=5, speakers=2)
    player = Player(EVERY_RULES["speakers"], np.random.default_rng(0), checkpoint)
    player.recognizer.receive_audio(draw_speech("." * 20 + "hello" * 8 + "." * 30))
    player.recognizer.receive_end()
    player.answer_all()

    (only,) = player.finals
    assert (only.utterance, only.speaker, only.text) == (5, 3, "hello" * 8)
    assert only.start_sample == 120 * FRAME_SAMPLES
    assert only.words is not None
    assert only.words[0].start_ms == 120 * 32


def test_audio_that_is_not_given_again_is_silence() -> None:
    player = Player(EVERY_RULES["fast"], np.random.default_rng(0))
    player.recognizer.receive_audio(draw_speech(".." + "hello" * 8))
    player.answer(100)
    checkpoint = player.recognizer.checkpoint()
    assert checkpoint is not None
    assert checkpoint.utterances.waiting
    other = Player(EVERY_RULES["fast"], np.random.default_rng(0), checkpoint)
    other.recognizer.receive_audio(draw_speech(".."))
    assert other.recognizer.next_request() is None
    assert other.recognizer.lag_samples == 0

    other.recognizer.receive_end()
    other.answer_all()

    assert other.recognizer.is_finished


def test_a_break_that_has_yet_to_be_reached_is_in_it() -> None:
    player = Player(EVERY_RULES["fast"], np.random.default_rng(0))
    player.recognizer.receive_audio(draw_speech(".." + "a" * 40))
    player.recognizer.receive_break()
    checkpoint = player.recognizer.checkpoint()
    assert checkpoint is not None
    assert checkpoint.segmenter.breaks == (42,)
    other = Player(EVERY_RULES["fast"], np.random.default_rng(0), checkpoint)

    other.recognizer.receive_audio(draw_speech(".." + "a" * 40 + "b" * 30))
    other.recognizer.receive_end()
    other.answer_all()

    assert [one.text for one in other.finals] == ["a" * 40, "b" * 30]


def test_there_is_none_while_a_final_is_to_be_taken() -> None:
    player = Player(EVERY_RULES["speakers"], np.random.default_rng(0))
    recognizer = player.recognizer
    recognizer.receive_audio(draw_speech("a" * 40 + "." * 30))
    while (request := recognizer.next_request()) is not None:
        recognizer.receive_result(request, player.engines.answer(request, player.engine))
    before = recognizer.checkpoint()

    while isinstance(recognizer.next_event(), SpeechStarted | Partial):
        pass

    assert before is None
    assert recognizer.checkpoint() is not None


def test_what_contradicts_itself_is_none() -> None:
    with pytest.raises(AssertionError, match="audio from behind it on"):
        Checkpoint(begin=1)
