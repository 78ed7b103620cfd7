"""An audio track of an opened container, packet by packet: what can be heard, and what cannot."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from scribewire.audio.frames import Missing, find_peak
from scribewire.audio.timeline import Timeline
from scribewire.audio.track_choice import SILENCE_PEAK, TrackChoice, TrackFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


# Of those whose length is written down, or stands in an index; others guess it from the bit rate.
_TELLS_ITS_LENGTH = {"mov", "matroska", "flac", "ogg", "tta", "wv"}
_MOST_SHORT_S = 1.0  # lengths are often rounded up to the second
_CONTAINER_TIME_BASE = Fraction(1, av.time_base)


class TrackBreak(Exception):
    """No more of a track can be heard, though there is more of it; the words say from where on."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class TrackReader:
    """Reads an audio track, the first unless others are named.

    Of several the first is read, and another from where it has sound if the first has none until
    then; `on_settled` is told which it is, once nothing else will be. What is broken is left out,
    counted, and its time told.
    """

    def __init__(
        self,
        container: InputContainer,
        streams: Sequence[AudioStream] = (),
        *,
        at_s: float = 0.0,
        on_settled: Callable[[AudioStream], None] | None = None,
    ) -> None:
        self._container = container
        self._streams = tuple(streams) or container.streams.audio[:1]
        self._stream = self._streams[0]  # that is heard
        self._choice = TrackChoice(len(self._streams)) if len(self._streams) > 1 else None
        self._ends_s = dict.fromkeys(self._streams, 0.0)  # of what came of each, during the choice
        self._on_settled = on_settled
        self._begins_at_s = _seconds(container.start_time, _CONTAINER_TIME_BASE) or 0.0
        self._ends_at_s = _find_end(container, self._stream, self._begins_at_s)
        self._timeline = Timeline(begins_at_s=self._begins_at_s, ends_at_s=self._ends_at_s)
        self.is_heard = False
        self.broken_packets = 0
        self.missing_s = 0.0
        """Time of which nothing was heard."""
        self.at_s = at_s
        """How far it has come, counted from where it was to begin."""
        self._broken_in_a_row = 0

    def frames(self) -> Iterator[AudioFrame | Missing]:
        """Yield all that can be heard. Raises TrackBreak and MemoryError."""
        for packet in self._packets():
            if self._choice is None and packet.stream is not self._stream:
                continue
            for frame in self._decode(packet):
                yield from self._listen(packet.stream, frame)
        if self._choice is not None:
            yield from self._hear_all(self._choice.receive_end())
        missing_s = self._timeline.receive_end()
        if self.is_heard and missing_s > _MOST_LOST_AT_END_S:
            raise self._explain_break()
        if self.is_heard:
            yield from self._miss(missing_s)
            self._check_end()

    def _listen(self, stream: AudioStream, frame: AudioFrame) -> Iterator[AudioFrame | Missing]:
        """Yield what is heard, now that a frame of one of the tracks came."""
        if self._choice is not None:
            found = self._choice.receive_frame(self._place(stream, frame))
            yield from self._hear_all(found)
        elif stream is self._stream:  # not what came of others in the packet that settled it
            yield from self._hear(frame)

    def _place(self, stream: AudioStream, frame: AudioFrame) -> TrackFrame:
        """Return a frame with what the choice goes by."""
        seconds = frame.samples / frame.sample_rate
        at_s = _seconds(frame.pts, frame.time_base)
        if at_s is None:  # it follows the one before
            at_s = self._ends_s[stream]
        self._ends_s[stream] = at_s + seconds
        has_sound = find_peak(frame) > SILENCE_PEAK
        return TrackFrame(
            track=self._streams.index(stream),
            at_s=at_s,
            seconds=seconds,
            has_sound=has_sound,
            frame=frame,
        )

    def _hear_all(self, heard: list[TrackFrame]) -> Iterator[AudioFrame | Missing]:
        """Yield what the choice gives out, and note what it has come to."""
        settled = None if self._choice is None else self._choice.settled
        if settled is not None:
            self._choice = None
            if self._on_settled is not None:
                self._on_settled(self._streams[settled])
        for one in heard:
            if one.track == settled and self._stream is not self._streams[settled]:
                yield from self._change_track(self._streams[settled], one.at_s)
            yield from self._hear(one.frame)

    def _change_track(self, stream: AudioStream, at_s: float) -> Iterator[Missing]:
        self._stream = stream
        self._ends_at_s = _find_end(self._container, stream, self._begins_at_s)
        filled_s = self._timeline.change_track(at_s, self._ends_at_s)
        self.at_s += filled_s
        if filled_s:
            yield Missing(filled_s)

    def _hear(self, frame: AudioFrame) -> Iterator[AudioFrame | Missing]:
        seconds = frame.samples / frame.sample_rate
        at_s = _seconds(frame.pts, frame.time_base)
        yield from self._miss(self._timeline.receive_frame(at_s, seconds))
        self.is_heard = True
        self._broken_in_a_row = 0
        self.at_s += seconds
        yield frame

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        while True:
            try:
                yield from self._container.demux(self._streams)
                return
            except MemoryError:
                raise
            except (av.FFmpegError, IndexError):
                # Read on behind it. PyAV's IndexError is a packet of a track that came up later.
                self._note_broken(None)

    def _decode(self, packet: Packet[AudioStream]) -> Iterator[AudioFrame]:
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            if packet.stream is self._stream:
                self._note_broken(packet)
            return
        for frame in frames:
            if _MIN_RATE_HZ <= frame.sample_rate <= _MAX_RATE_HZ:
                yield frame
            elif packet.stream is self._stream:
                self._note_broken(packet)

    def _note_broken(self, packet: Packet[AudioStream] | None) -> None:
        self.broken_packets += 1
        self._broken_in_a_row += 1
        if packet is not None:
            self._timeline.receive_broken(_seconds(packet.duration, packet.time_base) or 0.0)
        if self._broken_in_a_row > _MAX_BROKEN:
            raise self._explain_break()

    def _miss(self, seconds: float) -> Iterator[Missing]:
        if seconds:
            self.missing_s += seconds
            self.at_s += seconds
            yield Missing(seconds)

    def _check_end(self) -> None:
        """Raise TrackBreak where the track ends before the time that it says."""
        position_s = self._timeline.position_s
        if self._ends_at_s is None or position_s is None:
            return
        if self._ends_at_s - position_s > _MOST_SHORT_S:
            says_s = self._ends_at_s - self._begins_at_s
            raise TrackBreak(f"it ends at second {self.at_s:.1f}, though it says {says_s:.1f}")

    def _explain_break(self) -> TrackBreak:
        if not self.is_heard:
            return TrackBreak("nothing of it can be decoded")
        return TrackBreak(f"from second {self.at_s:.1f} on it cannot be decoded")


def _find_end(container: InputContainer, stream: AudioStream, begins_at_s: float) -> float | None:
    """Return when the track ends, where its format says so and not only guesses."""
    names = container.format.name.split(",")
    # An MP4 file without an index is in fragments, of which these may be some.
    if not _TELLS_ITS_LENGTH & set(names) or ("mov" in names and not stream.frames):
        return None
    seconds = _seconds(stream.duration, stream.time_base)
    if seconds is not None:
        return (_seconds(stream.start_time, stream.time_base) or 0.0) + seconds
    if len(container.streams) > 1:  # then its length is that of another track
        return None
    seconds = _seconds(container.duration, _CONTAINER_TIME_BASE)
    return None if seconds is None else begins_at_s + seconds


def _seconds(count: int | None, unit: Fraction | None) -> float | None:
    return None if count is None or unit is None else float(count * unit)
