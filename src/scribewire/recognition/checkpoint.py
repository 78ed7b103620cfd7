"""Where a recognizer stands, so that another one goes on from there and says the same.

Theory of operation. A stream is judged frame by frame, so where it stands is a frame. Of what is
before it, all that may still shape a final is in these values, but for the audio: that is given
again, from `Checkpoint.begin` on. What lies between the two is not judged a second time. What has
been asked of an engine and has no answer yet is no part of them: it is asked again, for the same
audio with the same context. Nor are partials, which shape no final.

By default each is what it is at the beginning of a stream.
"""

from __future__ import annotations

from dataclasses import dataclass

from scribewire.recognition.context import LeadIn
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.types import Span

_PROBABILITY_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointerState:
    """Where an `Endpointer` stands; the probabilities that it looks back at are the track's."""

    frames: int = 0
    is_speech: bool = False
    run: int = 0
    has_paused: bool = False
    start: int | None = None

    @property
    def looks_back(self) -> int:
        """How many of the latest frames it may look back at."""
        return self.run if self.start is None else self.frames - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackState:
    """What a `SpeechTrack` remembers."""

    frames: int = 0
    intervals: tuple[Span, ...] = ()
    probabilities: bytes = b""
    """Of the latest frames, as float64, little-endian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherState:
    """How far a `TurnWatcher` has looked."""

    start: int = 0
    looked_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterState:
    """Where a `Segmenter` stands that has judged all it was given."""

    endpointer: EndpointerState = EndpointerState()
    track: TrackState = TrackState()
    watcher: WatcherState = WatcherState()
    breaks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceState:
    """What is decided of an utterance that has no final; positions are in the stream."""

    number: int
    start: int
    speech_start: int
    speech_end: int | None = None
    end: int | None = None
    decided_at: int | None = None
    shown_end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UtterancesState:
    """Where `Utterances` stand."""

    count: int = 0
    floor: int = 0
    waiting: tuple[UtteranceState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVoice:
    """What a `SpeakerTracker` knows of one voice."""

    total: bytes
    """A vector of float32, little-endian."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpeakers:
    """What a `SpeakerTracker` knows."""

    speakers: tuple[KnownVoice, ...] = ()
    unknown: tuple[KnownVoice, ...] = ()
    earlier: int = 0
    """How many there were before of whom nothing is known any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptState:
    """What finals have told about later ones."""

    pieces: tuple[LeadIn, ...] = ()
    said: tuple[int, ...] = ()
    said_in: str | None = None
    """The language of what was `said`."""
    spoken: str | None = None
    is_sure: bool = False
    speakers: KnownSpeakers = KnownSpeakers()
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a recognizer stands."""

    begin: int = 0
    """The sample of the stream from which on audio is to be given again."""
    vad_state: bytes | None = None
    segmenter: SegmenterState = SegmenterState()
    utterances: UtterancesState = UtterancesState()
    transcript: TranscriptState = TranscriptState()

    def __post_init__(self) -> None:
        endpointer, track = self.segmenter.endpointer, self.segmenter.track
        held, odd = divmod(len(track.probabilities), _PROBABILITY_BYTES)
        assert 0 <= self.begin <= endpointer.frames * FRAME_SAMPLES, "audio from behind it on"
        assert endpointer.frames == track.frames, "two places"
        assert not odd, "half a probability"
        assert 0 <= endpointer.looks_back <= held, "probabilities are missing"
        assert all(one.start >= self.begin for one in self.utterances.waiting), "audio is missing"


BEGINNING = Checkpoint()
"""Where every stream begins."""


def begin_anew(sample: int, *, utterances: int, speakers: int) -> Checkpoint:
    """Return where a recognizer begins that knows nothing of what was before a sample.

    The sample begins a frame. So many utterances and speakers there were: numbers go on.
    """
    frames = sample // FRAME_SAMPLES
    assert frames * FRAME_SAMPLES == sample, "frames are counted from the beginning of the stream"
    segmenter = SegmenterState(
        endpointer=EndpointerState(frames=frames), track=TrackState(frames=frames)
    )
    return Checkpoint(
        begin=sample,
        segmenter=segmenter,
        utterances=UtterancesState(count=utterances, floor=sample),
        transcript=TranscriptState(speakers=KnownSpeakers(earlier=speakers)),
    )
