from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest

from scribewire.cli.exits import CommandFault
from scribewire.cli.microphone import MAX_WAITING_CHUNKS, open_microphone


class FakePortAudioError(Exception):
    """What the fake raises."""


class FakeSoundLibrary:
    """A microphone that has recorded `chunks` by the time it is opened."""

    PortAudioError = FakePortAudioError

    def __init__(
        self, chunks: list[bytes], *, rate_hz: float = 16_000.0, fault: Exception | None = None
    ) -> None:
        self._chunks = chunks
        self._rate_hz = rate_hz
        self._fault = fault
        self.is_recording = False

    def query_devices(self, device: None = None, kind: str = "input") -> Mapping[str, object]:
        if self._fault is not None:
            raise self._fault
        return {"name": kind, "default_samplerate": self._rate_hz}

    def RawInputStream(  # noqa: N802 - as the library has it
        self,
        *,
        samplerate: int,
        blocksize: int,
        channels: int,
        dtype: str,
        callback: Callable[[bytes, int, object, object], None],
    ) -> AbstractContextManager[object]:
        if not self._chunks:
            raise FakePortAudioError("Device unavailable")
        assert (samplerate, channels, dtype) == (int(self._rate_hz), 1, "int16")
        return self._record(callback)

    @contextmanager
    def _record(self, callback: Callable[[bytes, int, object, object], None]) -> Iterator[None]:
        self.is_recording = True
        for chunk in self._chunks:
            callback(chunk, len(chunk) // 2, None, None)
        yield
        self.is_recording = False


def test_a_machine_without_the_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    with pytest.raises(CommandFault, match="apt-get install libportaudio2"):
        open_microphone()


async def test_recorded_audio_comes_in_order() -> None:
    library = FakeSoundLibrary([b"\x01\x00" * 800, b"\x02\x00" * 800])

    chunks = open_microphone(library).chunks

    assert [await anext(chunks), await anext(chunks)] == [b"\x01\x00" * 800, b"\x02\x00" * 800]


async def test_the_rate_of_the_device_is_converted() -> None:
    library = FakeSoundLibrary([np.zeros(2400, "<i2").tobytes()] * 20, rate_hz=48_000.0)

    chunks = open_microphone(library).chunks

    recorded = [await anext(chunks) for _ in range(20)]
    samples = sum(len(chunk) // 2 for chunk in recorded if isinstance(chunk, bytes))
    assert 15_000 < samples <= 16_000


async def test_nothing_is_recorded_before_the_first_chunk_is_asked_for() -> None:
    library = FakeSoundLibrary([b"\x00\x00"])

    chunks = open_microphone(library).chunks
    assert not library.is_recording
    await anext(chunks)

    assert library.is_recording


@pytest.mark.parametrize(
    "fault", [FakePortAudioError("Error querying device -1"), ValueError("No input device")]
)
def test_a_machine_without_a_microphone_says_so(fault: Exception) -> None:
    library = FakeSoundLibrary([], fault=fault)

    with pytest.raises(CommandFault, match=f"no microphone: {fault}; plug one in, or pipe"):
        open_microphone(library)


async def test_a_microphone_that_cannot_be_opened_says_so() -> None:
    source = open_microphone(FakeSoundLibrary([]))

    with pytest.raises(CommandFault, match="no microphone: Device unavailable"):
        await anext(source.chunks)


async def test_a_recognition_that_is_a_minute_behind_stops_the_recording() -> None:
    source = open_microphone(FakeSoundLibrary([b"\x00\x00"] * (MAX_WAITING_CHUNKS + 2)))

    with pytest.raises(CommandFault, match="a minute ahead"):
        await anext(source.chunks)
