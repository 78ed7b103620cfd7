"""What one client has asked for, and what came of it, whatever carries it to the client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.audio.wire import CompressedAudio
from scribewire.errors import ClientFault, CloseCode, ServerFault
from scribewire.log_line import LogLine
from scribewire.protocol.resuming import Position, check_come_back
from scribewire.runtime.observer import UNOBSERVED_STREAM
from scribewire.server.allowance import AudioAllowance
from scribewire.server.concurrency import OneTask
from scribewire.server.pulling import pace_events, write_silence
from scribewire.server.session_beginning import FRESH, SessionBeginning, SettledAudio
from scribewire.server.session_news import AudioRefused, EngineLoaded, SourceEnded
from scribewire.server.session_results import SessionResults
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened, SourceTrack
from scribewire.sources.faults import SourceFault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from scribewire.protocol.resuming import ComeBack
    from scribewire.runtime.observer import SessionObserver
    from scribewire.runtime.stream import Stream
    from scribewire.server.session_checkpoint import SessionCheckpoints
    from scribewire.server.session_news import SessionNews
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.pushed import PushedAudio, PushedMedia
    from scribewire.types import Pace, Samples
    from scribewire.wishes import Wishes

MAX_NEWS = 16  # opened and lost, in turn; what nobody took is history

_log = logging.getLogger("scribewire.session")


class Session:
    """Audio in, numbered results out. It knows no WebSocket and no dialogue.

    All methods belong to the event loop's thread. One task at a time may bring audio: the caller
    of `receive_audio`, or the session itself where it pulls. One attachment at a time may take
    results, between `attach` and `detach`. The rest anyone may call; whoever made it owes it
    `aclose`.
    """

    def __init__(
        self,
        session_id: str,
        wishes: Wishes,
        *,
        stream: Stream,
        pushed: PushedAudio,
        source: AsyncGenerator[SourceEvent, None] | None = None,
        loading: asyncio.Future[None] | None = None,
        allowance: AudioAllowance | None = None,
        observer: SessionObserver = UNOBSERVED_STREAM,
    ) -> None:
        self.id = session_id
        self.began_at = asyncio.get_running_loop().time()
        self._observer = observer
        self.wishes = wishes
        self.received_bytes = 0
        self.at_rest = stream.at_rest
        self.has_news = stream.has_news  # set whenever the attachment has to look
        self.is_read = source is None  # whether audio is taken now: a source may be lost
        self.may_pull = asyncio.Event()  # the attachment clears it while its client does not read
        self.may_pull.set()
        self._stream = stream
        self._pushed = pushed
        self._media: PushedMedia | None = None  # set where it goes through a decoder
        self._allowance = allowance or AudioAllowance(None)
        self.results = SessionResults(stream, wishes)
        self._beginning = FRESH
        self._checkpoints: SessionCheckpoints | None = None  # set where somebody could go on
        self._epoch: str | None = None  # set where it can be resumed
        self.end_code = CloseCode.NORMAL  # how whoever comes back to it is told that it has ended
        self.replay_from: Callable[[], int] | None = None  # set where another process could
        self.goes_on_elsewhere: Callable[[], bool] | None = None  # set where that can be now
        self._news: deque[SessionNews] = deque(maxlen=MAX_NEWS)
        # Set once no more audio comes from a source, or a decoder.
        self._audio_end: SourceEnded | AudioRefused | None = None
        self._loading = loading  # of the engine that will answer the stream
        if loading is not None:
            loading.add_done_callback(self._receive_engine)
        self._writing = OneTask("audio is brought")
        self._attached = OneTask("a session is attached")
        pulling = None if source is None else self._pull(source)
        # Takes events of the source, or of what decodes what is pushed.
        self._hearing = None if pulling is None else asyncio.create_task(pulling)

    @property
    def has_ended(self) -> bool:
        """Whether nothing will come after what has been taken."""
        return self.results.have_ended and not self._news

    @property
    def has_all_audio(self) -> bool:
        """Whether no more audio is taken: the remaining results follow."""
        return self._stream.has_all_audio

    @property
    def is_hearing(self) -> bool:
        """Whether something brings it audio that nobody need send."""
        return self._hearing is not None and not self._hearing.done()

    @property
    def is_ending_told(self) -> bool:
        """Whether how its audio has ended is among the news of who attaches."""
        return self._audio_end is not None

    @property
    def is_loading(self) -> bool:
        """Whether no result can come yet, since the model of its engine is being loaded."""
        return self._loading is not None and not self._loading.done()

    # Audio.

    async def receive_audio(self, data: bytes) -> None:
        """Take bytes of the format that was asked for, and wait while too far behind for more.

        Raises ClientFault for what is no audio, and once there was as much as is allowed;
        ServerFault once an engine has failed. Of a recording all this may come as news.
        """
        with self._writing:
            self.received_bytes += len(data)
            if self._media is not None:
                await self._media.write(data)
                return
            try:
                samples = self._pushed.pcm.receive_bytes(data)
            except CompressedAudio as found:
                await self._begin_media(found)
            else:
                await self._write(samples)

    async def _begin_media(self, found: CompressedAudio) -> None:
        if self._pushed.media is None:
            raise found
        self._media = self._pushed.media
        self._hearing = asyncio.create_task(self._hear(self._media.events(), AudioRefused))
        await self._media.write(found.head)

    async def _write(self, samples: Samples) -> None:
        await self._stream.write(self._allowance.let_through(samples))
        self._allowance.check()

    def end_utterance(self) -> None:
        """Let what follows begin a new utterance."""
        self._stream.end_utterance()

    def end_audio(self) -> None:
        """Take no more audio; the remaining results follow. Again does nothing."""
        if self._media is not None:  # what its decoder still has was received
            self._media.end()
            return
        self._stop_hearing()
        if not self._stream.has_all_audio:
            self._stream.end(self._allowance.let_through(self._pushed.pcm.receive_end()))

    def abort(self) -> None:
        """Drop everything: nothing more is pulled, decoded or put out."""
        self._stop_hearing()  # first: nothing would slow it down any more
        self._stream.abort()

    async def aclose(self) -> None:
        """End, whatever was owed, and wait until nothing of it runs any more."""
        self.abort()
        if self._hearing is not None:
            await asyncio.gather(self._hearing, return_exceptions=True)
        if self._media is not None:
            await self._media.aclose()
        words = "= {rejected:d} hypotheses rejected, as of no speech"
        self._log("session_ended", words, rejected=self._stream.rejected_hypotheses)
        self._observer.close()

    # Resuming.

    def begin_at(
        self, beginning: SessionBeginning, checkpoints: SessionCheckpoints | None = None
    ) -> None:
        """Go on, before there is any audio, where another process has left the session.

        `checkpoints` are what another one could go on from.
        """
        self._beginning, self._checkpoints = beginning, checkpoints
        self.received_bytes = beginning.received_bytes
        self.results.begin_at(beginning)

    def make_resumable(self, epoch: str) -> None:
        """Give finals numbers and keep them, from now on; `epoch` names its recognizer."""
        self._epoch = epoch
        self.results.keep_finals()

    @property
    def position(self) -> Position | None:
        """How far it has come; None where it cannot be resumed."""
        if self._epoch is None:
            return None
        return Position(
            epoch=self._epoch,
            received_bytes=self.received_bytes,
            finals=self.results.last_final,
        )

    @property
    def replay_from_bytes(self) -> int:
        """No audio before this will be asked for again, here or at another process."""
        return self.received_bytes if self.replay_from is None else self.replay_from()

    def can_move(self) -> bool:
        """Tell whether another server could go on with it now."""
        is_shared = self.goes_on_elsewhere is not None and self.goes_on_elsewhere()
        return is_shared and self.settled is not None and not self.has_all_audio

    @property
    def settled(self) -> SettledAudio | None:
        """Audio that no result needs any more but those that were taken.

        None where nobody could go on from there: what is pulled, and recordings.
        """
        if self._media is not None or self.wishes.url is not None:
            return None
        layout, checkpoint = self._pushed.pcm.layout, None
        if self._checkpoints is not None and (layout is None or layout.is_exact):
            checkpoint = self._checkpoints.latest()  # there is always one at the beginning
        return self._beginning.settled(layout, self._stream.settled_samples, checkpoint)

    def check_come_back(self, back: ComeBack) -> None:
        """Raise ClientFault where it cannot go on from what a client has."""
        assert self.position is not None, "it can be resumed"
        check_come_back(
            back,
            self.position,
            kept_finals=self.results.kept_finals,
            earlier=self._beginning.epochs,
        )

    async def collect(self) -> None:
        """Take results as they come, for whoever attaches next, until cancelled or the last one."""
        with contextlib.suppress(ServerFault):  # it is told to who attaches
            while True:
                self.has_news.clear()
                self.results.collect()
                if not self.is_hearing:
                    self._stream.trim()
                if self.results.have_ended:
                    return
                await self.has_news.wait()

    # Results.

    def attach(self) -> None:
        """Begin to take results. Raises ConcurrencyError while another attachment does."""
        self._attached.take()
        self._news.clear()  # `is_read` says what it has come to
        if self._audio_end is not None:
            self._news.append(self._audio_end)
        self.has_news.set()

    def detach(self, fault: ClientFault | None = None) -> None:
        """Let another attachment take them from where it likes.

        It is told the fault that has ended the audio, if one has.
        """
        if fault is not None and self._audio_end is None:
            self._audio_end = AudioRefused(fault)
        self.may_pull.set()
        self._attached.give_back()

    def next_news(self) -> SessionNews | None:
        """Return what else has become of the source, or None."""
        return self._news.popleft() if self._news else None

    # Where the audio is pulled, or decoded.

    def _stop_hearing(self) -> None:
        """Cancel it once: a second time would break off its ending and leave a decoder behind."""
        if self._hearing is not None and not self._hearing.cancelling():
            self._hearing.cancel()

    async def _pull(self, source: AsyncGenerator[SourceEvent, None]) -> None:
        with self._writing:
            await self._hear(source, SourceEnded, pace=self.wishes.pace)

    async def _hear(
        self,
        source: AsyncGenerator[SourceEvent, None],
        ended: Callable[[ClientFault], SourceEnded | AudioRefused],
        pace: Pace | None = None,
    ) -> None:
        """Write what comes to the stream, until it ends or no more is wanted.

        What ends it too early is told as `ended` makes it; with a `pace` it is held back.
        """
        try:
            async with contextlib.aclosing(source):
                held = source if pace is None else pace_events(source, pace, holds_live=True)
                fault = await self._write_events(held)
            if not self._stream.has_all_audio:
                self._stream.end()
            self._audio_end = SourceEnded(None) if fault is None else ended(fault)
            self._tell(self._audio_end)
        except Exception as mistake:  # noqa: BLE001 - ours: fail the session, do not stall it
            self._stream.fail(mistake)

    async def _write_events(self, events: AsyncIterator[SourceEvent]) -> ClientFault | None:
        try:
            async for event in events:
                await self._write_event(event)
        except ClientFault as fault:
            self._log("source_failed", "x {reason}", reason=fault.logged)
            if isinstance(fault, SourceFault):
                self._observer.note_source_fault(fault.cause)
            return fault
        return None

    async def _write_event(self, event: SourceEvent) -> None:
        await self.may_pull.wait()
        match event:
            case SourceOpened(info=info):
                words = "= {container} {codec}"
                self._log("source_opened", words, container=info.container, codec=info.codec)
                if self._media is None:
                    self.is_read = True
                    self._tell(event)
            case SourceTrack(info=info):
                words = "= silent so far, track {track:d} is heard: {codec}"
                self._log("source_track", words, track=info.track, codec=info.codec)
            case SourceAudio(pcm=pcm):
                if self._media is None:
                    self.received_bytes += len(pcm)
                await self._write(decode_pcm(pcm, WIRE_PCM))
            case SourceLost(cause=cause):
                self._log("source_lost", "! source lost: {reason}", reason=cause)
                self._observer.note_source_loss()
                self.is_read = False
                self._tell(event)
            case SourceGap(seconds=seconds):
                self._stream.end_utterance()
                # A pull's time passes by itself; a recording's is what its client says.
                write = self._stream.write if self._media is None else self._write
                await write_silence(write, seconds)

    def _log(self, event: str, words: str, **values: object) -> None:
        _log.info(LogLine(event, words, session=self.id, **values))

    def _receive_engine(self, loading: asyncio.Future[None]) -> None:
        is_told_soon = any(isinstance(news, SourceOpened) for news in self._news)
        if loading.exception() is None and self.is_read and not is_told_soon:
            self._tell(EngineLoaded())  # that it cannot be had, the stream says

    def _tell(self, news: SessionNews) -> None:
        self._news.append(news)
        self.has_news.set()
