from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from scribewire.cli.audio_sources import SourceNote
from scribewire.cli.captions import Captions
from scribewire.cli.exits import ExitCode
from scribewire.cli.screen import Screen
from scribewire.cli.transcription import run_transcription
from scribewire.errors import ClientFault, ServerFault
from scribewire.protocol.results import FinalResult, ResultMessage


class FakeTranscriber:
    """Gives a final with the text of each chunk, and one more for `stop`."""

    def __init__(self, *, fails_at: bytes = b"", is_stuck: bool = False) -> None:
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self._fails_at = fails_at
        self._is_stuck = is_stuck
        self._tell: Callable[[str], None] | None = None

    async def send_audio(self, pcm: bytes) -> None:
        self._texts.put_nowait(pcm.decode())

    def tell_with(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def end_utterance(self) -> None:
        self._texts.put_nowait("broken off")

    async def stop(self) -> None:
        if not self._is_stuck:
            self._texts.put_nowait("the end")
            self._texts.put_nowait(None)

    async def results(self) -> AsyncIterator[ResultMessage]:
        while (text := await self._texts.get()) is not None:
            if text == self._fails_at.decode() != "":
                raise ServerFault("the engine failed")
            if text == "lost" and self._tell is not None:
                self._tell("connection lost; coming back")
                continue
            yield FinalResult(text=text, offset_ms=0)


class FakeSource:
    """Gives chunks; then ends, breaks, waits for ever, or waits while somebody presses Ctrl-C."""

    def __init__(self, *chunks: bytes | SourceNote, ending: str = "") -> None:
        self._chunks = chunks
        self._ending = ending

    async def __aiter__(self) -> AsyncIterator[bytes | SourceNote]:
        for chunk in self._chunks:
            yield chunk
        if self._ending == "breaks":
            raise ClientFault("the file cannot be read on")
        if self._ending == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)
        if self._ending:
            await asyncio.Event().wait()


async def run(source: FakeSource, transcriber: FakeTranscriber, out: io.StringIO) -> ExitCode:
    with Screen(out, io.StringIO()) as screen:
        return await run_transcription(aiter(source), transcriber, Captions("text"), screen)


async def test_everything_is_shown_up_to_the_last_final() -> None:
    out = io.StringIO()

    code = await run(FakeSource(b"one", b"two"), FakeTranscriber(), out)

    assert code is ExitCode.DONE
    assert out.getvalue() == "one\ntwo\nthe end\n"


async def test_what_becomes_of_the_connection_is_no_part_of_the_transcript() -> None:
    out, err = io.StringIO(), io.StringIO()

    with Screen(out, err) as screen:
        await run_transcription(
            aiter(FakeSource(b"one", b"lost", b"two")), FakeTranscriber(), Captions("text"), screen
        )

    assert out.getvalue() == "one\ntwo\nthe end\n"
    assert err.getvalue() == "scribewire: connection lost; coming back\n"


async def test_an_utterance_ends_where_the_source_is_lost() -> None:
    out = io.StringIO()
    lost, back = SourceNote(is_break=True), SourceNote("back")

    await run(FakeSource(b"one", lost, back, b"two"), FakeTranscriber(), out)

    assert out.getvalue() == "one\nbroken off\ntwo\nthe end\n"


async def test_ctrl_c_ends_the_audio_and_shows_what_was_heard() -> None:
    out = io.StringIO()

    code = await run(FakeSource(b"one", ending="Ctrl-C"), FakeTranscriber(), out)

    assert code is ExitCode.INTERRUPTED
    assert out.getvalue() == "one\nthe end\n"


async def test_ctrl_c_again_ends_at_once() -> None:
    out = io.StringIO()
    source = FakeSource(b"one", ending="Ctrl-C")
    running = asyncio.create_task(run(source, FakeTranscriber(is_stuck=True), out))
    await settle()
    assert out.getvalue() == "one\n"

    signal.raise_signal(signal.SIGINT)

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_ctrl_c_after_the_last_audio_does_not_wait_for_the_rest() -> None:
    running = asyncio.create_task(run(FakeSource(), FakeTranscriber(is_stuck=True), io.StringIO()))
    await settle()

    signal.raise_signal(signal.SIGINT)

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_source_that_breaks_is_told_after_what_came_before() -> None:
    out = io.StringIO()

    with pytest.raises(ClientFault, match="cannot be read on"):
        await run(FakeSource(b"one", ending="breaks"), FakeTranscriber(), out)

    assert out.getvalue() == "one\nthe end\n"


async def test_a_transcriber_that_fails_ends_the_feeding_too() -> None:
    out = io.StringIO()

    with pytest.raises(ServerFault, match="the engine failed"):
        await run(FakeSource(b"one", b"two", ending="waits"), FakeTranscriber(fails_at=b"two"), out)

    assert out.getvalue() == "one\n"
    assert len(asyncio.all_tasks()) == 1


async def test_ctrl_c_is_left_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)

    await run(FakeSource(b"one"), FakeTranscriber(), io.StringIO())

    assert signal.getsignal(signal.SIGINT) is before


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)
