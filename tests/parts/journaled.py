"""Entries of a journal, as tests write them."""

from __future__ import annotations

from scribewire.events import Final
from scribewire.journal.entries import (
    JournaledFinal,
    JournalEntry,
    SessionEnd,
    SessionHead,
    SessionOutcome,
    SessionPosition,
)
from scribewire.journal.reader import JournaledSession
from scribewire.types import Word
from scribewire.wishes import Wishes

BEGAN_MS = 1_764_288_000_123  # 2025-11-28T00:00:00.123Z


def head(session_id: str = "5e55", **others: object) -> SessionHead:
    given = {"began_at_ms": BEGAN_MS, "path": "/v2/realtime", "wishes": Wishes(language="en")}
    return SessionHead(session_id=session_id, **{**given, **others})  # type: ignore[arg-type] # as the test says


def final(number: int, text: str = "") -> JournaledFinal:
    """Return a final that is like no other."""
    begin_ms = number * 4000
    said = Final(
        utterance=number + 2,
        text=text or f"Number {number}, «ça».",
        start_sample=begin_ms * 16 + 7,
        end_sample=begin_ms * 16 + 32_003,
        decided_sample=begin_ms * 16 + 38_411,
        words=(
            Word(text="Number", start_ms=begin_ms, end_ms=begin_ms + 301, confidence=0.1 + 0.2),
            Word(text=f"{number},", start_ms=begin_ms + 400, end_ms=begin_ms + 777, confidence=1.0),
        ),
        speaker=2,
        language="en",
    )
    return JournaledFinal(number=number, final=said)


def position(finals: int = 0, at_ms: int = BEGAN_MS) -> SessionPosition:
    return SessionPosition(
        at_ms=at_ms + finals * 4000,
        received_bytes=finals * 128_000 + 5,
        replay_from_bytes=finals * 128_000,
        audio_ms=finals * 4000,
        finals=finals,
    )


def said(of: SessionHead, *numbers: int) -> list[JournalEntry]:
    return [JournalEntry(head=of, final=final(one), position=position(one)) for one in numbers]


def ended(of: SessionHead, outcome: SessionOutcome = "complete") -> JournalEntry:
    return JournalEntry(head=of, end=SessionEnd(at_ms=BEGAN_MS + 60_000, outcome=outcome))


def allow(_: JournaledSession) -> None:
    """Let anybody go on with a session."""
