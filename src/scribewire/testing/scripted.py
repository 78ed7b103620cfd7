"""Engines that hear what a test drew, and a driver that answers a recognizer at once.

A picture is a stream: each character is one frame of 512 samples, `.` is silence and a letter
is speech. The scripted engine reads the letters back from the samples it is given, so a test
sees exactly which audio every decode has heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    Request,
    Result,
    Token,
    VadRequest,
    VadResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scribewire.engines.protocols import SpeechEngine, VadEngine
    from scribewire.recognition.events import Event
    from scribewire.recognition.recognizer import Recognizer
    from scribewire.types import Samples

_CODES = 128  # ASCII is enough to draw with
_LEVEL_OF_CODE = 1 / 256  # a letter's frame holds its code point times this: exact in float32


def draw_speech(picture: str) -> Samples:
    """Return the samples of a picture, one frame a character."""
    codes = [0 if character == "." else ord(character) for character in picture]
    return np.repeat(np.array(codes, dtype=np.float32) * _LEVEL_OF_CODE, FRAME_SAMPLES)


def draw_pcm(picture: str) -> bytes:
    """Return a picture as it goes over the wire: 16-bit little-endian."""
    return (draw_speech(picture) * 32768).astype("<i2").tobytes()


def read_speech(samples: Samples) -> str:
    """Return the letters in drawn samples; a part of a frame under a half is not heard."""
    codes = np.rint(_finite(samples) / _LEVEL_OF_CODE).astype(int)
    codes[(codes < 0) | (codes >= _CODES)] = 0  # what nobody drew is not heard
    edges = np.flatnonzero(np.diff(codes)) + 1
    runs = np.split(codes, edges) if len(codes) else []
    return "".join(chr(run[0]) * round(len(run) / FRAME_SAMPLES) for run in runs if run[0])


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
        seen = request.state if isinstance(request.state, int) else 0
        probabilities = tuple(0.9 if frame.any() else 0.1 for frame in frames)
        return VadResult(probabilities, seen + len(frames))

    def close(self) -> None:
        """Refuse every later call."""
        self._is_closed = True


class ScriptedEngine:
    """A speech engine that reads back the letters of `draw_speech`."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.requests: list[DecodeRequest] = []  # everything it was asked, in order
        self._is_closed = False

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the letters that the samples hold."""
        if self._is_closed:
            raise ServerFault("this engine is closed")
        self.requests.append(request)
        text = read_speech(request.samples)
        tokens = tuple(Token(id=ord(letter), logprob=-0.1) for letter in text)
        return DecodeResult(Hypothesis(text, tokens))

    def close(self) -> None:
        """Refuse every later call."""
        self._is_closed = True


def _finite(samples: Samples) -> Samples:
    return np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


def answer(request: Request, vad: VadEngine, speech: SpeechEngine) -> Result:
    """Run one request on the engine that it is for."""
    return vad.measure(request) if isinstance(request, VadRequest) else speech.decode(request)


def recognize(
    recognizer: Recognizer, chunks: Iterable[Samples], vad: VadEngine, speech: SpeechEngine
) -> list[Event]:
    """Play a whole stream through a recognizer, answering at once, and return its events."""
    events: list[Event] = []
    for chunk in chunks:
        recognizer.receive_audio(chunk)
        events += answer_all(recognizer, vad, speech)
    recognizer.receive_end()
    events += answer_all(recognizer, vad, speech)
    return events


def answer_all(recognizer: Recognizer, vad: VadEngine, speech: SpeechEngine) -> list[Event]:
    """Answer a recognizer until it asks for nothing more, and return the events so far."""
    while (request := recognizer.next_request()) is not None:
        recognizer.receive_result(request, answer(request, vad, speech))
    events: list[Event] = []
    while (event := recognizer.next_event()) is not None:
        events.append(event)
    return events
