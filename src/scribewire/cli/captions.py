"""What a transcript looks like: results in, lines out, nothing drawn and nothing known of a screen.

A line is for good, one for each final, or the lines of a subtitle's cue. What is still being said
is `live`: it is replaced by the next partial and vanishes into the final.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scribewire.cli.cues import CueBuilder
from scribewire.cli.subtitles import VTT_HEAD, write_srt, write_vtt
from scribewire.protocol.results import FinalResult
from scribewire.protocol.scriptix.codec import serialise_server

if TYPE_CHECKING:
    from scribewire.cli.cues import Cue
    from scribewire.protocol.results import ResultMessage

TranscriptFormat = Literal["text", "srt", "vtt", "json"]
"""Lines for people, subtitles (SubRip, WebVTT), or the wire's messages."""


class Captions:
    """Say what is to be printed for each result, and what stands below it meanwhile."""

    def __init__(
        self, output: TranscriptFormat, *, times: bool = False, speakers: bool = False
    ) -> None:
        self._output = output
        self._times = times  # in text; subtitles have them, and messages
        self._speakers = speakers  # as above, and in subtitles
        self._cues = CueBuilder(labels=speakers and output == "srt")
        self._cue_count = 0
        self.live = ""  # the open utterance as shown so far; text only
        self.has_speech = False  # whether any final had text

    def begin(self) -> str | None:
        """Return what stands above everything, if anything does."""
        return VTT_HEAD if self._output == "vtt" else None

    def receive(self, result: ResultMessage) -> str | None:
        """Take the next result; return the lines that it adds for good, if any."""
        if self._output == "text":
            self.live = "" if isinstance(result, FinalResult) else result.text
        if isinstance(result, FinalResult):
            self.has_speech = self.has_speech or bool(result.text)
            return self._write_final(result)
        return serialise_server(result) if self._output == "json" else None

    def finish(self) -> str | None:
        """Return the lines that were held back, once nothing more comes."""
        return self._write_cues(self._cues.finish())

    def _write_final(self, final: FinalResult) -> str | None:
        match self._output:
            case "json":
                return serialise_server(final)
            case "text":
                return self._write_line(final) if final.text else None
            case _:
                return self._write_cues(self._cues.receive(final))

    def _write_line(self, final: FinalResult) -> str:
        start_ms = final.words[0].start_ms if final.words else final.offset_ms
        time = f"[{format_time(start_ms)}] " if self._times else ""
        speaker = f"{final.speaker}: " if self._speakers and final.speaker else ""
        return f"{time}{speaker}{final.text}"

    def _write_cues(self, cues: list[Cue]) -> str | None:
        lines = []
        for cue in cues:
            self._cue_count += 1
            is_srt = self._output == "srt"
            lines.append(
                write_srt(cue, self._cue_count)
                if is_srt
                else write_vtt(cue, has_voice=self._speakers)
            )
        return "\n".join(lines) or None


def format_time(ms: int) -> str:
    """Return a position in a stream as people write it: 1:05, or 1:02:03."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
