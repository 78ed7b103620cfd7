"""How the benches recognize: as a server does, but for what one of them says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from scribewire.recognition.rules import RecognizerRules, endpoint_for, rules_for
from scribewire.settings import Settings
from scribewire.wishes import Wishes, WishFields

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.endpointer import EndpointRules
    from scribewire.types import Mode

MAX_UTTERANCE_MS = Settings().max_utterance_ms


def own_rules(
    speech: SpeechEngine, *, max_utterance_ms: int = MAX_UTTERANCE_MS, **wishes: Unpack[WishFields]
) -> RecognizerRules:
    """Return how to recognize with an engine; speakers are told only if it is wished."""
    wishes.setdefault("speakers", False)
    return rules_for(
        Wishes(**wishes), speech.traits, speech.calibration, max_utterance_ms=max_utterance_ms
    )


def own_endpoint(mode: Mode, *, max_utterance_ms: int = MAX_UTTERANCE_MS) -> EndpointRules:
    """Return when utterances start and end, whatever engine decodes them."""
    return endpoint_for(Wishes(mode=mode), max_utterance_ms=max_utterance_ms)
