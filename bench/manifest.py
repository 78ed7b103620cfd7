"""Read which clips there are, and put them into the groups that are reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from scribewire.audio.local_decoder import read_audio

SHORTEST_S, LONGEST_S = 0.5, 30.0  # longer than a model's window, decoding in one piece is unfair
TRUSTED_REFERENCES = frozenset({"human", "published"})  # the others were themselves recognized


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One recording and what is said in it."""

    id: str
    path: Path
    language: str
    reference: str | None
    """Word for word; None when nobody wrote it down."""
    seconds: float
    tags: frozenset[str]
    ref_quality: str
    is_derived: bool
    """Made from another clip of the set, so not independent of it."""
    speaker: str | None

    @property
    def is_no_speech(self) -> bool:
        """The right transcript is empty."""
        return "no-speech" in self.tags

    @property
    def spoken_language(self) -> str:
        """What a session is told; English where nobody speaks."""
        return "en" if self.is_no_speech else self.language

    @property
    def is_scorable(self) -> bool:
        """English, of a usable length, with a reference that a person answers for."""
        return self.is_scorable_in("en")

    def is_scorable_in(self, language: str) -> bool:
        """Tell the same of another language."""
        return (
            self.language == language
            and bool(self.reference)
            and SHORTEST_S <= self.seconds <= LONGEST_S
            and self.ref_quality in TRUSTED_REFERENCES
            and not self.is_no_speech
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Clips that are reported together; a clip may be in several groups."""

    name: str
    holds: Callable[[Clip], bool]

    def clips_of(self, clips: Iterable[Clip]) -> tuple[Clip, ...]:
        """Return the clips that belong here, in their order."""
        return tuple(clip for clip in clips if self.holds(clip))


def _scorable_with(tag: str) -> Group:
    return Group(tag, lambda clip: clip.is_scorable and tag in clip.tags)


def core_of(language: str) -> Group:
    """Return the clips of a language that are scored and recorded as they are."""
    return Group(
        "core" if language == "en" else language,
        lambda clip: (
            clip.is_scorable_in(language) and not clip.is_derived and "very-quiet" not in clip.tags
        ),
    )


NO_SPEECH: Final = Group("no-speech", lambda clip: clip.is_no_speech)
SPEECH_GROUPS: Final = (
    core_of("en"),
    *map(_scorable_with, ("librispeech", "noisy", "telephone-8k", "very-quiet")),
)


def read_manifest(path: Path) -> tuple[Clip, ...]:
    """Return every clip that the JSON lines at `path` name, audio beside them.

    Raises OSError or ValueError, which says the line, when the manifest cannot be read.
    """
    clips = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            clips.append(_parse_clip(line, path.parent))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} line {number}: no usable clip: {error!r}") from error
    return tuple(clips)


def read_pcm(path: Path) -> bytes:
    """Return a recording as the wire carries it: signed 16-bit, 16 kHz, mono."""
    samples = np.concatenate([np.empty(0, np.float32), *read_audio(path)])
    pcm: bytes = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
    return pcm


def _parse_clip(line: str, folder: Path) -> Clip:
    row = json.loads(line)
    return Clip(
        id=row["id"],
        path=folder / row["file"],
        language=row["language"],
        reference=row["text"],
        seconds=float(row["seconds"]),
        tags=frozenset(row["tags"]),
        ref_quality=row["ref_quality"],
        is_derived=row["derived"],
        speaker=row.get("speaker"),
    )
