"""Cues as SubRip and WebVTT write them, each with its empty line; no I/O."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scribewire.cli.cues import Cue

VTT_HEAD: Final = "WEBVTT\n"


def write_srt(cue: Cue, number: int) -> str:
    """Return a cue as SubRip; it has no escapes, so an arrow of a time's kind is redrawn."""
    text = "\n".join(cue.lines).replace("-->", "→")
    return f"{number}\n{_time(cue.start_ms, ',')} --> {_time(cue.end_ms, ',')}\n{text}\n"


def write_vtt(cue: Cue, *, has_voice: bool) -> str:
    """Return a cue as WebVTT, with its speaker as a voice if asked."""
    text = escape("\n".join(cue.lines), quote=False)
    voice = f"<v {escape(cue.speaker, quote=False)}>" if has_voice and cue.speaker else ""
    return f"{_time(cue.start_ms, '.')} --> {_time(cue.end_ms, '.')}\n{voice}{text}\n"


def _time(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
