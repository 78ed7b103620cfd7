"""Checkpoints of a session as they are written down, with what can go on from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from scribewire import __version__
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.engines.served import name_of
from scribewire.errors import ServerFault
from scribewire.runtime.parcel import pack, unpack_checkpoint
from scribewire.server.session_beginning import TakenCheckpoint
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.checkpoint import Checkpoint
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.runtime.stream import Stream

MADE_BY_BYTES: Final = 16
"""What names the recognizers that can go on from one another's checkpoints."""

MOST_AGAIN_SAMPLES: Final = 4 * SAMPLE_RATE
"""While nobody speaks, a client holds so much more than it need: a checkpoint takes 0.1 ms."""


def name_recognizer(rules: RecognizerRules, speech: SpeechEngine, engines: Engines) -> bytes:
    """Return what names all recognizers that say the same of the same audio, whatever device."""
    model = speech.model if isinstance(speech, OnDemandEngine) else None
    told = {
        "version": __version__,
        "speech": name_of(speech),
        "files": [] if model is None else [one.sha256 for one in model.files],
        "vad": type(engines.vad).__name__,
        "voices": rules.has_speakers and type(engines.voices).__name__,
        "endpoint": asdict(rules.endpoint),
        "calibration": asdict(rules.calibration),
        "lengths": [rules.pad_after_samples, rules.context_samples, rules.prompt_tokens],
        "languages": rules.languages,
        "width": rules.final_width,
    }
    text = json.dumps(told, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()[:MADE_BY_BYTES]


@dataclass(frozen=True, slots=True)
class SealedCheckpoint:
    """What was found in the bytes of one."""

    made_by: bytes
    checkpoint: Checkpoint


def seal(checkpoint: Checkpoint, made_by: bytes) -> bytes:
    """Return a checkpoint as bytes, with the name of the recognizers that it is for."""
    return made_by + pack(checkpoint)


def open_sealed(content: bytes) -> SealedCheckpoint:
    """Return what `seal` has made. Raises ServerFault, which says why it cannot be read."""
    if len(content) < MADE_BY_BYTES:
        raise ServerFault(f"no checkpoint: {len(content)} bytes")
    return SealedCheckpoint(content[:MADE_BY_BYTES], unpack_checkpoint(content[MADE_BY_BYTES:]))


class SessionCheckpoints:
    """The latest checkpoint of a session: a new one behind each final, else when audio piles up."""

    def __init__(self, stream: Stream, made_by: bytes) -> None:
        self._stream, self._made_by = stream, made_by
        self._latest: TakenCheckpoint | None = None
        self._finals = 0  # that were taken before it

    def latest(self) -> TakenCheckpoint | None:
        """Return the last one that could be taken; it may be asked for at any time."""
        stream, latest = self._stream, self._latest
        is_new = latest is None or stream.taken_finals != self._finals
        if latest is not None and not is_new:
            is_new = stream.needed_from - latest.begin >= MOST_AGAIN_SAMPLES
        found = stream.checkpoint() if is_new else None
        if found is not None:
            content = seal(found, self._made_by)
            self._latest = TakenCheckpoint(begin=found.begin, content=content)
            self._finals = stream.taken_finals
        return self._latest
