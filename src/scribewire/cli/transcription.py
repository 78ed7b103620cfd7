"""One transcription from first audio to last final: a source, a transcriber, a screen.

Theory of operation. One task feeds, the caller's own reads results; they end like this:

    the source ends         stop, the remaining finals, DONE
    Ctrl-C                  the same with what was fed so far, INTERRUPTED
    Ctrl-C again, or once everything was fed: at once, INTERRUPTED
    the source breaks       the same as its end, then its fault
    the transcriber breaks  at once, its fault
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scribewire.cli.audio_sources import SourceNote
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.types import PCM_BYTES_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scribewire.cli.captions import Captions
    from scribewire.cli.screen import Screen
    from scribewire.cli.transcribers import Transcriber


async def run_transcription(
    chunks: AsyncIterator[bytes | SourceNote],
    transcriber: Transcriber,
    captions: Captions,
    screen: Screen,
) -> ExitCode:
    """Show the results of the audio until the last one, or until Ctrl-C.

    Raises what the source or the transcriber raised, after showing what came before it.
    """
    transcriber.tell_with(screen.tell)
    feeding = asyncio.create_task(_feed(chunks, transcriber, screen))
    try:
        screen.show(captions.begin(), "")
        with _interruptible(feeding):
            async for result in transcriber.results():
                screen.show(captions.receive(result), captions.live)
    except BaseException:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        with contextlib.suppress(OSError, CommandFault):  # the fault to be told is there already
            screen.show(captions.finish(), "")
        raise
    screen.show(captions.finish(), "")
    try:
        await feeding
    except asyncio.CancelledError:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


async def _feed(
    chunks: AsyncIterator[bytes | SourceNote], transcriber: Transcriber, screen: Screen
) -> None:
    fed_bytes = 0
    try:
        async for pcm in chunks:
            if isinstance(pcm, SourceNote):
                _take_note(pcm, transcriber, screen)
                continue
            await transcriber.send_audio(pcm)
            fed_bytes += len(pcm)
            screen.show_progress(fed_bytes * 1000 // PCM_BYTES_PER_S)
    finally:
        await transcriber.stop()


def _take_note(note: SourceNote, transcriber: Transcriber, screen: Screen) -> None:
    if note.words:
        screen.tell(note.words)
    if note.is_break:
        transcriber.end_utterance()


@contextmanager
def _interruptible(feeding: asyncio.Task[None]) -> Iterator[None]:
    """Let the first Ctrl-C end the feeding, and a later one everything."""
    loop = asyncio.get_running_loop()
    reading = asyncio.current_task()
    assert reading is not None

    def interrupt() -> None:
        if feeding.done() or feeding.cancelling():
            reading.cancel()
        else:
            feeding.cancel()

    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)  # removing leaves Python's, not asyncio.run's
