"""An audio track of an opened container, packet by packet: what can be heard, and what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from scribewire.audio.frames import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import Packet
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Packets in a row that give no sound before the track is given up: some 25 s of MP3.
_MAX_BROKEN = 1000
# A frame of audio has at most 65,536 samples or so: below this rate one would fill the memory.
_MIN_RATE_HZ, _MAX_RATE_HZ = 1000, 768_000
# Whoever cuts a file breaks its last frames. What is more than they is worth an error.
_MOST_LOST_AT_END_S = 0.5


class TrackBreak(Exception):
    """No more of a track can be heard, though there is more of it; the words say from where on."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class TrackReader:
    """Reads the first audio track. What is broken is left out, counted, and its time told."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self.is_heard = False
        self.broken_packets = 0
        self.missing_s = 0.0
        """Time of what is broken, as far as its packets say."""
        self._at_s = 0.0  # of what was yielded
        self._broken_in_a_row = 0
        self._lost_s = 0.0  # of the packets that were broken since the last frame

    def frames(self) -> Iterator[AudioFrame | Missing]:
        """Yield all that can be heard. Raises TrackBreak and MemoryError."""
        for packet in self._packets():
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except (av.FFmpegError, ValueError):
                self._note_broken(packet)
                continue
            for frame in frames:
                if not _MIN_RATE_HZ <= frame.sample_rate <= _MAX_RATE_HZ:
                    self._note_broken(packet)
                    continue
                yield from self._take_lost()
                self.is_heard = True
                self._broken_in_a_row = 0
                self._at_s += frame.samples / frame.sample_rate
                yield frame
        if self.is_heard and self._lost_s > _MOST_LOST_AT_END_S:
            raise self._explain_break()
        yield from self._take_lost()

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        while True:
            try:
                yield from self._container.demux(self._container.streams.audio[0])
                return
            except MemoryError:
                raise
            except (av.FFmpegError, IndexError):
                # Read on behind it. PyAV's IndexError is a packet of a track that came up later.
                self._note_broken(None)

    def _note_broken(self, packet: Packet[AudioStream] | None) -> None:
        self.broken_packets += 1
        self._broken_in_a_row += 1
        if packet is not None and packet.duration and packet.time_base:
            self._lost_s += float(packet.duration * packet.time_base)
        if self._broken_in_a_row > _MAX_BROKEN:
            raise self._explain_break()

    def _take_lost(self) -> Iterator[Missing]:
        lost_s, self._lost_s = self._lost_s, 0.0
        self.missing_s += lost_s
        self._at_s += lost_s
        if lost_s and self.is_heard:
            yield Missing(lost_s)

    def _explain_break(self) -> TrackBreak:
        if not self.is_heard:
            return TrackBreak("nothing of it can be decoded")
        return TrackBreak(f"from second {self._at_s:.1f} on it cannot be decoded")
