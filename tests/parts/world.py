"""The hands of a pull in a time of its own: an hour of radio takes as long as it takes to count.

    world = World(server)
    world.play(Pull(URL, RULES), until=3600)
    ... world.told ... world.over ... world.asked ...

A server is a script: what it answers to a step, and when. Media are PCM as it is, and decoded at
once, or each piece when the next one or the end has come; what begins with `GARBAGE` breaks its
decoder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from scribewire.audio.container import AudioInfo
from scribewire.sources.events import SourceAudio, SourceEvent, SourceGap
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.urls import HttpUrl, check_url
from scribewire.sources.steps import (
    BodyOver,
    Connect,
    Connected,
    DecoderOver,
    Disconnect,
    EndInput,
    Failed,
    Fed,
    Feed,
    FetchSegment,
    Hear,
    Heard,
    Known,
    Over,
    PlaylistCame,
    ReadPlaylist,
    Receive,
    Received,
    SegmentCame,
    StartDecoder,
    StopDecoder,
    Tell,
)

if TYPE_CHECKING:
    from scribewire.sources.steps import Fact, Step

URL: Final = check_url("http://a.example/live")
INFO: Final = AudioInfo(container="wav", codec="pcm", rate_hz=16_000, channels=1, duration_ms=None)
GARBAGE: Final = b"garbage"
NO_AUDIO: Final = invalid_stream("its audio cannot be decoded")
RESET: Final = invalid_stream("the connection broke off", is_transient=True)

Body: TypeAlias = Iterator[tuple[float, Received | BodyOver | Failed]]
"""What comes of an answer, each with the time at which it is there."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server says to `Connect`."""

    at: float
    fact: Connected | Failed
    body: Body = field(default_factory=lambda: iter(()))


class Server(Protocol):
    """What is out there. Times are those of the world."""

    def connect(self, step: Connect, now: float) -> Answered:
        """Answer a request."""

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        """Return a playlist, and when it has come."""

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        """Return a segment, and when it has come."""


class Machine(Protocol):
    """A core that is played."""

    @property
    def wake_at(self) -> float | None:
        """When to look."""

    def begin(self, now: float) -> Iterator[Step]:
        """Start."""

    def look(self, now: float) -> Iterator[Step]:
        """Do what is due."""

    def receive(self, fact: Fact, now: float) -> Iterator[Step]:
        """Take in what happened."""


def connected(
    *,
    url: HttpUrl = URL,
    length: int | None = None,
    start: int = 0,
    is_icy: bool = False,
    head: bytes = b"",
    validators: dict[str, str] | None = None,
) -> Connected:
    """Return an answer: of a file where it has a length and is no radio."""
    return Connected(
        url=url,
        head=head,
        length=length,
        start=start,
        is_icy=is_icy,
        is_finite=length is not None and not is_icy,
        is_azure=False,
        validators=validators or {},
    )


class World:
    """One machine, one server, and the time."""

    def __init__(
        self,
        server: Server,
        *,
        info: AudioInfo = INFO,
        now: float = 0.0,
        decodes_late: bool = False,
    ) -> None:
        self.now = now
        self.told: list[tuple[float, SourceEvent]] = []
        self.asked: list[tuple[float, Connect | ReadPlaylist | FetchSegment]] = []
        self.over: Over | None = None
        self.decoders = 0
        """Started so far."""
        self._server, self._info = server, info
        self._body: Body = iter(())
        self._network: tuple[float, Fact] | None = None
        self._is_connected = False
        self._is_feeding = self._is_hearing = False
        self._decoder: deque[Fact] | None = None  # what there is to hear
        self._decodes_late = decodes_late
        self._late = b""  # what the decoder has not decoded yet
        self._was_fed = False

    @property
    def events(self) -> list[SourceEvent]:
        """What was told, without the times."""
        return [event for _, event in self.told]

    @property
    def pcm(self) -> bytes:
        """All that was heard."""
        return b"".join(event.pcm for event in self.events if isinstance(event, SourceAudio))

    @property
    def gaps_s(self) -> float:
        """All that was told missing."""
        return sum(event.seconds for event in self.events if isinstance(event, SourceGap))

    @property
    def news(self) -> list[type[SourceEvent]]:
        """What was told besides the audio."""
        return [type(event) for event in self.events if not isinstance(event, SourceAudio)]

    @property
    def fault(self) -> SourceFault:
        """Why it ended."""
        assert self.over is not None, "it has not ended"
        assert self.over.fault is not None, "it ended as it should"
        return self.over.fault

    def play(self, machine: Machine, *, until: float = 1e6) -> None:
        """Play it to its end, or until a time."""
        steps = machine.begin(self.now)
        while not self._take(steps):
            coming = self._next(machine.wake_at)
            assert coming is not None, "it waits for nothing"
            at, fact = coming
            if at > until:
                self.now = until
                return
            self.now = max(self.now, at)
            steps = machine.look(self.now) if fact is None else machine.receive(fact, self.now)

    def _take(self, steps: Iterator[Step]) -> bool:
        """Take steps; tell whether that was all."""
        for step in steps:
            match step:
                case Tell(event):
                    self.told.append((self.now, event))
                case Over():
                    assert self._decoder is None, "a decoder is left"
                    assert self._network is None, "a request is left"
                    assert not self._is_connected, "a connection is left"
                    self.over = step
                    return True
                case Connect() | ReadPlaylist() | FetchSegment() | Receive() | Disconnect():
                    self._use_network(step)
                case _:
                    self._use_decoder(step)
        return False

    def _next(self, wake_at: float | None) -> tuple[float, Fact | None] | None:
        """Return what happens next, and when."""
        if self._is_hearing and self._decoder:
            self._is_hearing = False
            return self.now, self._decoder.popleft()
        if self._is_feeding:
            self._is_feeding = False
            return self.now, Fed()
        if self._network is not None and (wake_at is None or self._network[0] <= wake_at):
            found, self._network = self._network, None
            return found
        return None if wake_at is None else (wake_at, None)

    def _use_network(self, step: Step) -> None:
        assert self._network is None or isinstance(step, Disconnect), "one request at a time"
        match step:
            case Disconnect():
                self._network, self._body, self._is_connected = None, iter(()), False
            case Connect():
                assert not self._is_connected, "one connection at a time"
                self._is_connected = True
                self.asked.append((self.now, step))
                answered = self._server.connect(step, self.now)
                self._network, self._body = (answered.at, answered.fact), answered.body
            case Receive():
                self._network = next(self._body)
            case ReadPlaylist():
                assert step.is_connected is self._is_connected, "one connection at a time"
                self.asked.append((self.now, step))
                self._network = self._server.playlist(step, self.now)
            case FetchSegment():
                assert not self._is_connected, "one connection at a time"
                self.asked.append((self.now, step))
                self._network = self._server.segment(step, self.now)

    def _use_decoder(self, step: Step) -> None:
        match step:
            case StartDecoder():
                assert self._decoder is None, "one decoder at a time"
                self._decoder, self._was_fed, self._late = deque(), False, b""
                self.decoders += 1
            case StopDecoder():
                self._decoder, self._is_feeding, self._is_hearing = None, False, False
            case Feed(data):
                assert not self._is_feeding, "one piece at a time"
                self._is_feeding = True
                self._decode(data)
            case Hear():
                assert not self._is_hearing, "one piece at a time"
                self._is_hearing = True
            case EndInput():
                assert self._decoder is not None
                self._put_out(self._late)
                self._decoder.append(DecoderOver(None if self._was_fed else NO_AUDIO))

    def _decode(self, data: bytes) -> None:
        assert self._decoder is not None
        if data.startswith(GARBAGE):
            self._put_out(self._late)
            self._decoder.append(DecoderOver(NO_AUDIO))
        elif data:
            if not self._was_fed:
                self._decoder.append(Known(self._info))
            self._was_fed = True
            if self._decodes_late:
                data, self._late = self._late, data
            self._put_out(data)

    def _put_out(self, data: bytes) -> None:
        assert self._decoder is not None
        if data:
            self._decoder.append(Heard(SourceAudio(data)))


def sent(
    data: bytes, end: BodyOver | Failed, *, at: float = 0.0, piece: int = 16_000, every_s: float = 0
) -> Body:
    """Return a body that comes in pieces, and then ends."""
    for start in range(0, len(data), piece):
        yield at, Received(data[start : start + piece])
        at += every_s
    yield at, end


class Scripted:
    """A server that answers `Connect` with one script after the other, the last again and again."""

    def __init__(self, answers: Sequence[Answered | SourceFault]) -> None:
        self._answers = list(answers)

    def connect(self, step: Connect, now: float) -> Answered:
        """Answer a request."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, SourceFault):
            return Answered(now, Failed(answer))
        body = ((max(at, 0.0) + now, fact) for at, fact in answer.body)
        return Answered(now + answer.at, answer.fact, body)

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        """Never asked."""
        raise AssertionError(step)

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        """Never asked."""
        raise AssertionError(step)
