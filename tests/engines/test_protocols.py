"""The protocols are types alone: mypy reads this file and finds out whether they still fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.engines import protocols
from scribewire.engines.moonshine import MoonshineEngine
from scribewire.engines.silero import SileroVad

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine, VadEngine


def as_speech_engine(engine: MoonshineEngine) -> SpeechEngine:
    return engine


def as_vad_engine(engine: SileroVad) -> VadEngine:
    return engine


def promised(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_the_engines_offer_what_the_protocols_promise() -> None:
    assert promised(protocols.SpeechEngine) == {"languages", "decode", "close"}
    assert promised(protocols.VadEngine) == {"measure", "close"}
    assert all(hasattr(MoonshineEngine, name) for name in promised(protocols.SpeechEngine))
    assert all(hasattr(SileroVad, name) for name in promised(protocols.VadEngine))
