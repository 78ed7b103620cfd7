"""What an engine's model is able to do, and so what may be asked of it.

Traits and calibration come with an engine; the rules of recognition are made of them, and nothing
in `recognition` knows a model by name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is true of one model on one device."""

    languages: frozenset[str]
    """ISO 639-1 codes of the languages it understands."""
    min_window_samples: int
    """Of less audio it makes nothing."""
    max_window_samples: int | None
    """The most audio that it takes at once; None sets no limit of its own."""
    takes_context: bool
    """Whether `DecodeRequest.prefix` may hold what was said before."""
    takes_prompt: bool = False
    """Whether `DecodeRequest.prompt` helps it; otherwise it is never given one."""
    tells_language: bool = False
    """Whether it hears which of its languages is spoken."""
    takes_draft: bool
    """Whether a draft saves it work; otherwise it is never given one."""
    max_width: int
    """How many hypotheses it follows side by side at most; 1 is greedy only."""
    gives_times: bool
    """Whether its tokens have times when they are asked for."""
    is_streaming: bool
    """Whether it decodes a stream piece by piece with a state, for partials."""
    device: str | None = "cpu"
    """Where it runs: `cpu` or `cuda`. None: it is not loaded, and that decides."""
