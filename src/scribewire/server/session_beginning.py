"""Where a session begins, and how far what was said in it is settled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from scribewire.events import Partial, SpeechStarted
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.types import samples_to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.audio.wire import WireLayout
    from scribewire.events import TranscriptEvent
    from scribewire.types import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOrigin:
    """Where a stream begins in another one that it goes on with."""

    sample: int = 0
    """Of the other one, its first; a whole number of milliseconds, so that times stay exact."""
    utterances: int = 0
    """How many there were before."""
    speakers: int = 0
    """How many there were before: nobody knows whether they are the same people."""


NO_ORIGIN = StreamOrigin()
"""It goes on with none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledAudio:
    """The first audio of a session, of which all results there are have been taken.

    Another recognizer may begin behind it and find what is missing, without anything before.
    """

    bytes: int
    """Of what the client has sent: the next one begins a block of samples."""
    samples: int
    """At 16 kHz since the session began; whole frames of the VAD, so that whoever goes on from here
    finds the same boundaries."""
    layout: WireLayout | None
    """How the bytes are written; None before that is known, and nothing is settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBeginning:
    """Where a session begins: with its first byte, or where another process has left it."""

    origin: StreamOrigin = NO_ORIGIN
    """Where the stream of this process begins in the session."""
    received_bytes: int = 0
    """Of audio, before."""
    layout: WireLayout | None = None
    """How the audio is written, where that is known from before."""
    finals: tuple[TranscriptEvent, ...] = ()
    """The latest ones of before, that can be told again."""
    final_count: int = 0
    """How many there were before."""
    epochs: Mapping[str, int] = field(default_factory=dict)
    """Those that it goes on from, and how many finals there were when the next one began."""

    def settled(self, layout: WireLayout | None, samples: int) -> SettledAudio:
        """Return what is settled of the session when that is of the stream of this process."""
        whole = self.origin.sample + samples // FRAME_SAMPLES * FRAME_SAMPLES
        if layout is None:
            return SettledAudio(bytes=self.received_bytes, samples=whole, layout=None)
        return SettledAudio(bytes=layout.byte_of(whole), samples=whole, layout=layout)


FRESH: Final = SessionBeginning()


def moved_to(origin: StreamOrigin, event: TranscriptEvent) -> TranscriptEvent:
    """Return what was said in a stream as said in the one that it goes on with."""
    if origin is NO_ORIGIN:
        return event
    utterance = event.utterance + origin.utterances
    start_sample = event.start_sample + origin.sample
    if isinstance(event, SpeechStarted):
        return replace(event, utterance=utterance, start_sample=start_sample)
    end_sample = event.end_sample + origin.sample
    if isinstance(event, Partial):
        return replace(event, utterance=utterance, start_sample=start_sample, end_sample=end_sample)
    return replace(
        event,
        utterance=utterance,
        start_sample=start_sample,
        end_sample=end_sample,
        decided_sample=event.decided_sample + origin.sample,
        words=None if event.words is None else _moved_words(origin, event.words),
        speaker=None if event.speaker is None else event.speaker + origin.speakers,
    )


def _moved_words(origin: StreamOrigin, words: tuple[Word, ...]) -> tuple[Word, ...]:
    by_ms = samples_to_ms(origin.sample)
    return tuple(
        replace(word, start_ms=word.start_ms + by_ms, end_ms=word.end_ms + by_ms) for word in words
    )
