"""Engines that read what a test drew, and a driver that answers a recognizer at once.

A picture is a stream: each character is one frame of 512 samples, `.` is silence, a letter is
speech, and so is the space between two words. The scripted engine reads the letters back from the
samples it is given, so a test sees exactly which audio every decode was given.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Unpack

import numpy as np

from scribewire.engines.engines import Engines
from scribewire.errors import ServerFault
from scribewire.events import SpeechStarted
from scribewire.recognition.calibration import (
    Calibration,
    ConfidenceCurve,
    JudgeBounds,
    LoopBounds,
    ShowingBounds,
    StabilityCurve,
    WindowLengths,
)
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    StreamRequest,
    StreamResult,
    Token,
    Turn,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.recognition.rules import rules_for
from scribewire.recognition.traits import Traits
from scribewire.types import ms_to_samples
from scribewire.wishes import Wishes, WishFields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices
    from scribewire.events import Final, Partial, TranscriptEvent
    from scribewire.recognition.recognizer import Recognizer
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.types import Samples

_CODES = 128  # ASCII is enough to draw with
_VOICES = 3  # that letters can tell apart
_STATE_BYTES = 8  # of a scripted VAD: how many frames it has measured
_LEVEL_OF_CODE = 1 / 256  # a letter's frame holds its code point times this: exact in float32


def draw_speech(picture: str) -> Samples:
    """Return the samples of a picture, one frame a character."""
    codes = [0 if character == "." else ord(character) for character in picture]
    return np.repeat(np.array(codes, dtype=np.float32) * _LEVEL_OF_CODE, FRAME_SAMPLES)


def draw_pcm(picture: str) -> bytes:
    """Return a picture as it goes over the wire: 16-bit little-endian."""
    return (draw_speech(picture) * 32768).astype("<i2").tobytes()


def read_speech(samples: Samples) -> str:
    """Return the letters in drawn samples; a part of a frame under a half is none."""
    return "".join(chr(token.id) for token in read_tokens(samples))


def read_tokens(samples: Samples, *, first_half: Callable[[float], int] = round) -> list[Token]:
    """Return the letters in drawn samples, each with the samples that hold it.

    A silence parts words, as a space does. `first_half` rounds the first letter's frames, which
    another piece of audio may hold half of.
    """
    codes = np.rint(_finite(samples) / _LEVEL_OF_CODE).astype(int)
    codes[(codes < 0) | (codes >= _CODES)] = 0  # what nobody drew is silence
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    tokens: list[Token] = []
    for start, end in pairwise(edges):
        code = int(codes[start]) if start < end else 0
        rounded = first_half if start == 0 else round
        count = rounded((end - start) / FRAME_SAMPLES) if code else 0
        cuts = [*(round(start + number * (end - start) / count) for number in range(count)), end]
        letters = [_letter(code, *cut) for cut in pairwise(cuts)]
        if letters and tokens and tokens[-1].end != start:
            letters[0] = replace(letters[0], text=f" {letters[0].text}")
        tokens += letters
    return tokens


def _up(frames: float) -> int:
    return math.floor(frames + 0.5)


def _down(frames: float) -> int:
    return math.ceil(frames - 0.5)


def _letter(code: int, start: int, end: int) -> Token:
    return Token(code, logprob=-0.1, text=chr(code), start=start, end=end)


def _untimed(token: Token) -> Token:
    return Token(token.id, logprob=token.logprob, text=token.text)


class ScriptedVad:
    """A VAD that takes every frame which is not silent for speech."""

    def __init__(self) -> None:
        self.frames_measured = 0
        self._is_closed = False

    def measure(self, request: VadRequest) -> VadResult:
        """Return 0.9 for each frame with sound and 0.1 for each without; count frames in state."""
        if self._is_closed:
            raise ServerFault("this engine is closed")
        frames = _finite(request.frames).reshape(-1, FRAME_SAMPLES)
        self.frames_measured += len(frames)
        seen = int.from_bytes(request.state or b"", "little")
        probabilities = tuple(0.9 if sounds else 0.1 for sounds in np.any(frames, axis=1))
        return VadResult(probabilities, (seen + len(frames)).to_bytes(_STATE_BYTES, "little"))

    def close(self) -> None:
        """Refuse every later call."""
        self._is_closed = True


SCRIPTED_TRAITS = Traits(
    languages=frozenset({"en"}),
    min_window_samples=FRAME_SAMPLES,
    max_window_samples=None,
    takes_context=True,
    takes_draft=True,
    max_width=16,
    gives_times=True,
    is_streaming=False,
)

SCRIPTED_CALIBRATION = Calibration(
    judge=JudgeBounds(
        min_sum=0.54,
        max_seconds=1.3,
        min_logprob=-1.5,
        mean_weight_of_one_word=10.0,
        min_sum_of_one_word=7.6,
    ),
    loops=LoopBounds(
        guess_logprob=-1.15,
        long_guess_logprob=-0.75,
        doubtful_logprob=-0.5,
        max_stretch=2.0,
        min_logprob=-0.48,
    ),
    confidence=ConfidenceCurve(one=0.55, least=0.96),
    stability=StabilityCurve(one=2.46, least=2.10, length=-0.09, unseen=-0.17, settled=0.53),
    showing=ShowingBounds(min_probability=0.7, min_first_probability=0.3),
    windows=WindowLengths(
        max_window_samples=ms_to_samples(6000),
        lead_in_samples=ms_to_samples(2500),
        open_samples=ms_to_samples(2000),
    ),
    pad_before_samples=ms_to_samples(500),
    max_pad_after_samples=ms_to_samples(400),
    context_samples={"fast": ms_to_samples(8000), "quality": ms_to_samples(12_000)},
    prompt_tokens={"fast": 0, "quality": 0},
    final_width={"fast": 1, "quality": 4},
    speech_per_noise=4.0,
)
"""What a scripted engine needs to be believed, and shown, like a real one."""


def scripted_rules(
    *,
    traits: Traits = SCRIPTED_TRAITS,
    max_utterance_ms: int = 15_000,
    **wishes: Unpack[WishFields],
) -> RecognizerRules:
    """Return how to recognize with a scripted engine; speakers are told only if it is wished."""
    wishes.setdefault("speakers", False)
    return rules_for(
        Wishes(**wishes), traits, SCRIPTED_CALIBRATION, max_utterance_ms=max_utterance_ms
    )


class ScriptedEngine:
    """A speech engine that reads back the letters of `draw_speech`."""

    traits = SCRIPTED_TRAITS
    calibration = SCRIPTED_CALIBRATION
    takes_any_prefix = False
    """Whether known words may be missing in the audio, as a real engine does not mind."""

    def __init__(self) -> None:
        self.requests: list[DecodeRequest] = []  # everything it was asked, in order
        self._is_closed = False

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the letters that the samples hold, without those of the prefix."""
        if self._is_closed:
            raise ServerFault("this engine is closed")
        self.requests.append(request)
        tokens = self._read_behind(request.prefix, request.samples)
        if not request.wants_times:
            tokens = [_untimed(token) for token in tokens]
        text = "".join(token.text for token in tokens).strip()
        return DecodeResult(Hypothesis(text, tuple(tokens)))

    def _read_behind(self, prefix: tuple[int, ...], samples: Samples) -> list[Token]:
        """Return the letters behind a prefix, which has to be what the samples begin with.

        Of half a frame at their beginning the prefix may have made a letter or none, by how much of
        that letter was before it when it was decoded.
        """
        for first_half in (round, _up, _down):
            tokens = read_tokens(samples, first_half=first_half)
            known = tuple(token.id for token in tokens[: len(prefix)])
            if self.takes_any_prefix or known == prefix:
                return tokens[len(prefix) :]
        raise AssertionError(f"the prefix {prefix} is not in the audio: {known}")

    def close(self) -> None:
        """Refuse every later call."""
        self._is_closed = True


class ScriptedStreamingEngine(ScriptedEngine):
    """One that reads letters piece by piece too; its state is all that it has been given."""

    traits = replace(SCRIPTED_TRAITS, is_streaming=True)

    def __init__(self) -> None:
        super().__init__()
        self.stream_requests: list[StreamRequest] = []  # all it was asked piece by piece, in order

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        """Return the letters of the utterance so far."""
        if self._is_closed:
            raise ServerFault("this engine is closed")
        self.stream_requests.append(request)
        known = np.frombuffer(request.state or b"", np.float32)
        samples = np.concatenate([known, request.samples])
        tokens = tuple(_untimed(token) for token in read_tokens(samples))
        text = "".join(token.text for token in tokens).strip()
        return StreamResult(Hypothesis(text, tokens), samples.tobytes())


class ScriptedVoices:
    """Hears who speaks by the kind of letter: small, capital and digit are three voices.

    It is an embedding engine and a turn engine.
    """

    def __init__(self) -> None:
        self.requests: list[EmbeddingRequest | TurnRequest] = []  # all it was asked, in order
        self.is_closed = False

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        """Return the axis of the voice that speaks most, or zero for silence."""
        self._note(request)
        vector = np.zeros(_VOICES, np.float32)
        spoken = [_voice_of(letter) for letter in read_speech(request.samples)]
        if spoken:
            vector[max(set(spoken), key=spoken.count)] = 1
        return EmbeddingResult(vector)

    def find_turns(self, request: TurnRequest) -> TurnResult:
        """Return one turn for each run of letters of one kind, without their pauses."""
        self._note(request)
        codes = np.rint(_finite(request.samples) / _LEVEL_OF_CODE).astype(int)
        voices = np.array([-1 if code == 0 else _voice_of(chr(code)) for code in codes], dtype=int)
        edges = [0, *(np.flatnonzero(np.diff(voices)) + 1).tolist(), len(voices)]
        spans = [(a, b) for a, b in itertools.pairwise(edges) if a < b and voices[a] >= 0]
        return TurnResult(tuple(Turn(voice=int(voices[a]), start=a, end=b) for a, b in spans))

    def close(self) -> None:
        """Refuse every later call."""
        self.is_closed = True

    def _note(self, request: EmbeddingRequest | TurnRequest) -> None:
        if self.is_closed:
            raise ServerFault("this engine is closed")
        self.requests.append(request)


def _voice_of(letter: str) -> int:
    return 2 if letter.isdigit() else int(letter.isupper())


def _finite(samples: Samples) -> Samples:
    if np.isfinite(samples).all():
        return samples  # nearly always, and sooner found out than replaced
    return np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


def recognize(
    recognizer: Recognizer,
    chunks: Iterable[Samples],
    vad: VadEngine,
    speech: SpeechEngine,
    voices: Voices | None = None,
) -> list[TranscriptEvent]:
    """Play a whole stream through a recognizer, answering at once, and return its events."""
    events: list[TranscriptEvent] = []
    for chunk in chunks:
        recognizer.receive_audio(chunk)
        events += answer_all(recognizer, vad, speech, voices)
    recognizer.receive_end()
    events += answer_all(recognizer, vad, speech, voices)
    return events


def results_of(events: Iterable[TranscriptEvent]) -> list[Partial | Final]:
    """Return what was said, without where speech began."""
    return [event for event in events if not isinstance(event, SpeechStarted)]


def answer_all(
    recognizer: Recognizer, vad: VadEngine, speech: SpeechEngine, voices: Voices | None = None
) -> list[TranscriptEvent]:
    """Answer a recognizer until it asks for nothing more, and return the events so far."""
    engines = Engines(vad, (speech,), voices)
    while (request := recognizer.next_request()) is not None:
        recognizer.receive_result(request, engines.answer(request, speech))
    events: list[TranscriptEvent] = []
    while (event := recognizer.next_event()) is not None:
        events.append(event)
    return events
