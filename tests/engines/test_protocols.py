"""The protocols are types alone: mypy reads this file and finds out whether they still fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.engines import protocols
from scribewire.engines.moonshine.engine import MoonshineEngine
from scribewire.engines.silero import SileroVad
from scribewire.engines.speaker_embedding import SpeakerEmbedder
from scribewire.engines.speaker_turns import SpeakerTurns
from scribewire.testing.scripted import ScriptedVoices

if TYPE_CHECKING:
    from scribewire.engines.protocols import (
        EmbeddingEngine,
        SpeechEngine,
        TurnEngine,
        VadEngine,
    )


def as_speech_engine(engine: MoonshineEngine) -> SpeechEngine:
    return engine


def as_vad_engine(engine: SileroVad) -> VadEngine:
    return engine


def as_embedding_engine(engine: SpeakerEmbedder) -> EmbeddingEngine:
    return engine


def as_turn_engine(engine: SpeakerTurns) -> TurnEngine:
    return engine


def promised(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_the_engines_offer_what_the_protocols_promise() -> None:
    assert promised(protocols.SpeechEngine) == {"traits", "calibration", "decode", "close"}
    assert promised(protocols.VadEngine) == {"measure", "close"}
    assert all(hasattr(SileroVad, name) for name in promised(protocols.VadEngine))
    assert promised(protocols.EmbeddingEngine) == {"embed", "close"}
    assert promised(protocols.TurnEngine) == {"find_turns", "close"}
    assert all(hasattr(SpeakerEmbedder, name) for name in promised(protocols.EmbeddingEngine))
    assert all(hasattr(SpeakerTurns, name) for name in promised(protocols.TurnEngine))


def test_closing_voices_closes_both_engines() -> None:
    embedding, turns = ScriptedVoices(), ScriptedVoices()

    protocols.Voices(embedding, turns).close()

    assert embedding.is_closed
    assert turns.is_closed
