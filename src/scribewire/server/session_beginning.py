"""Where a session begins, and how far what was said in it is settled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from scribewire.recognition.checkpoint import BEGINNING, Checkpoint
from scribewire.recognition.requests import FRAME_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scribewire.audio.wire import WireLayout
    from scribewire.events import TranscriptEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenCheckpoint:
    """A checkpoint as it is written down."""

    begin: int
    """The first sample that has to be given again."""
    content: bytes
    """See session_checkpoint.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledAudio:
    """The first audio of a session, of which all results there are have been taken.

    Another recognizer may begin behind it and find what is missing; with the checkpoint it finds
    the same that this one would.
    """

    bytes: int
    """Of what the client has sent, where it has to begin again: at a block of samples."""
    samples: int
    """At 16 kHz since the session began, of which nothing is needed without a checkpoint; whole
    frames of the VAD, so that whoever goes on from here finds the same boundaries."""
    layout: WireLayout | None
    """How the bytes are written; None before that is known, and nothing is settled."""
    checkpoint: TakenCheckpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBeginning:
    """Where a session begins: with its first byte, or where another process has left it."""

    checkpoint: Checkpoint = BEGINNING
    """Where its recognizer begins."""
    made_by: bytes | None = None
    """Which recognizers can begin there; None: any."""
    otherwise: SessionBeginning | None = None
    """Where others begin."""
    received_bytes: int = 0
    """Of audio, before."""
    skipped_samples: int = 0
    """How many are left out of what follows: they are heard so that the others are right."""
    counted_samples: int = 0
    """How much audio was counted before for its key."""
    layout: WireLayout | None = None
    """How the audio is written, where that is known from before."""
    finals: tuple[TranscriptEvent, ...] = ()
    """The latest ones of before, that can be told again."""
    final_count: int = 0
    """How many there were before."""
    told_utterances: int = 0
    """Of so many there is nothing to tell any more."""
    epochs: Mapping[str, int] = field(default_factory=dict)
    """Those that it goes on from, and how many finals there were when the next one began."""

    def settled(
        self, layout: WireLayout | None, samples: int, checkpoint: TakenCheckpoint | None = None
    ) -> SettledAudio:
        """Return what is settled of the session when so much of its stream is."""
        whole = samples // FRAME_SAMPLES * FRAME_SAMPLES
        if layout is None:
            return SettledAudio(bytes=self.received_bytes, samples=whole, layout=None)
        if checkpoint is None:
            return SettledAudio(bytes=layout.byte_of(whole), samples=whole, layout=layout)
        return SettledAudio(
            bytes=min(layout.byte_of(whole), layout.joint_for(checkpoint.begin).begin),
            samples=whole,
            layout=layout,
            checkpoint=checkpoint,
        )


FRESH: Final = SessionBeginning()
