"""Makes a session of what a client has asked for, out of what the server has."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.audio.container import TrackWish
from scribewire.audio.wire import WireDecoder
from scribewire.log_line import LogLine
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import rules_for
from scribewire.runtime.stream import Stream
from scribewire.server.allowance import AudioAllowance
from scribewire.server.session import Session
from scribewire.server.session_beginning import FRESH, SessionBeginning
from scribewire.server.session_checkpoint import SessionCheckpoints, name_recognizer
from scribewire.sources.pushed import PushedAudio, PushedMedia
from scribewire.sources.shared.pulls import AskedPull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from scribewire.keys.access import KeyUse
    from scribewire.protocol.dialogue import SessionStarted
    from scribewire.server.services import Services
    from scribewire.sources.events import SourceEvent
    from scribewire.wishes import Wishes

_log = logging.getLogger("scribewire.session")


def open_session(
    session_id: str,
    started: SessionStarted,
    services: Services,
    use: KeyUse | None = None,
    beginning: SessionBeginning = FRESH,
) -> Session:
    """Return a session as it was asked for, ready for audio; the caller owes it `aclose`.

    `use` counts its audio for its key.
    """
    assert started.audio_format == "pcm", "there is no other format"
    wishes, engines = started.wishes, services.engines
    speech = engines.speech_for(wishes.language, wishes.mode, wishes.languages)
    granted = replace(wishes, speakers=wishes.speakers and engines.voices is not None)
    rules = rules_for(
        granted,
        speech.traits,
        speech.calibration,
        max_utterance_ms=services.settings.max_utterance_ms,
    )
    made_by = name_recognizer(rules, speech, engines)
    beginning = _beginning_for(made_by, beginning, session_id)
    loading = services.residence.bring(speech)
    observer = services.observer.open_session(session_id, wishes)
    recognizer = Recognizer(rules, beginning.checkpoint)
    stream = Stream(recognizer, services.scheduler, speech, loading=loading, observer=observer)
    session = Session(
        session_id,
        wishes,
        stream=stream,
        pushed=PushedAudio(
            pcm=WireDecoder(
                beginning.layout,
                begin=beginning.received_bytes,
                skipped=beginning.skipped_samples,
            ),
            media=PushedMedia(services.sources.decoders, _track_wish(wishes)),
        ),
        source=_pull(services, started),
        loading=loading,
        allowance=AudioAllowance(
            started.grant.max_audio_s,
            use,
            heard_samples=beginning.checkpoint.begin,
            counted_samples=beginning.counted_samples,
        ),
        observer=observer,
    )
    session.begin_at(beginning, SessionCheckpoints(stream, made_by))
    return session


def _beginning_for(
    made_by: bytes, beginning: SessionBeginning, session_id: str
) -> SessionBeginning:
    """Return where these recognizers begin, which may not know a checkpoint of others."""
    if beginning.made_by in (None, made_by):
        return beginning
    assert beginning.otherwise is not None, "what only some can use has another beginning"
    words = "! its checkpoint is of another model or version: what was before is not known"
    _log.warning(LogLine("checkpoint_unused", words, session=session_id))
    return beginning.otherwise


def _pull(services: Services, started: SessionStarted) -> AsyncGenerator[SourceEvent, None] | None:
    wishes = started.wishes
    if wishes.url is None:
        return None
    asked = AskedPull(url=wishes.url, wish=_track_wish(wishes), grant=started.grant)
    return services.pulls.hear(services.sources, asked)


def _track_wish(wishes: Wishes) -> TrackWish:
    return TrackWish(number=wishes.track, language=wishes.locked_language)
