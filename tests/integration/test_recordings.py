"""Recordings over a real socket: what a page sends that records with MediaRecorder."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any  # of JSON

import jiwer
import pytest
import pytest_asyncio
from whisper_normalizer.english import EnglishTextNormalizer

from scribewire.engines.loader import load_engines
from scribewire.errors import CloseCode
from scribewire.testing.running import KEYS, RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask
from tests.parts.recordings import cut, fragments_of, head_of, record
from tests.sources.test_decoders import children_of, has_gone, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),  # one server, which loads FFmpeg once
]

START, STOP = '{"action":"start"}', '{"action":"stop"}'
HELLO = "." * 10 + "hello" * 3 + "." * 20
WORLD = "." * 10 + "world" * 3 + "." * 20
SPOKEN = draw_pcm((HELLO + WORLD) * 3)
GARBAGE = random.Random(7).randbytes(100_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with run_server() as running:
        yield running


async def hear(server: RunningServer, messages: Sequence[bytes]) -> tuple[RawClient, int]:
    """Send this as the audio of a session, and return what came of it."""
    async with asyncio.timeout(60), server.dial() as dialogue:
        reading = asyncio.create_task(dialogue.until_closed())
        await dialogue.send(START, *messages, STOP)
        code = await reading
    return dialogue, code


def finals(dialogue: RawClient) -> list[dict[str, Any]]:
    return [message for message in dialogue.messages if message.get("is_final")]


def first_word_ms(dialogue: RawClient) -> int:
    start_ms: int = finals(dialogue)[0]["words"][0][1]
    return start_ms


def decoders_of_this_process() -> list[int]:
    """Return the processes of all decoders, forked from those that this one has started."""
    parents = [one for one in children_of(os.getpid()) if is_forker(one)]
    return [one for parent in parents for one in children_of(parent)]


def is_forker(pid: int) -> bool:
    """Tell whether decoders are forked from it; databases and browsers of other tests are not."""
    return b"scribewire.audio.decoder_forks" in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("size", [100, 7001, 1_000_000])
async def test_it_is_heard_like_the_same_speech_as_pcm(server: RunningServer, size: int) -> None:
    pushed, _ = await hear(server, [SPOKEN])
    recorded, code = await hear(server, cut(record("lossless", SPOKEN), size))

    assert code == CloseCode.NORMAL
    assert finals(recorded) == finals(pushed) != []
    assert recorded.texts[-1] == '{"state":"stopped"}'
    states = [message["state"] for message in recorded.messages if "state" in message]
    assert states == ["listening", "stopped"]


async def test_the_first_piece_may_come_byte_by_byte(server: RunningServer) -> None:
    recording = record("lossless", SPOKEN)
    dialogue, _ = await hear(server, [*cut(recording[:600], 1), recording[600:]])

    assert dialogue.finals == ["hello" * 3, "world" * 3] * 3


async def test_results_come_while_it_is_recorded(server: RunningServer) -> None:
    async with asyncio.timeout(60), server.dial() as dialogue:
        await dialogue.send(START, *fragments_of(record("lossless", SPOKEN))[:5])
        while not dialogue.finals:
            await dialogue.next()

    assert dialogue.finals == ["hello" * 3]


async def test_after_a_piece_that_was_lost_times_are_still_true(server: RunningServer) -> None:
    whole, _ = await hear(server, [SPOKEN])
    parts = fragments_of(record("lossless", SPOKEN))
    dialogue, code = await hear(server, [*parts[:4], *parts[6:]])

    assert code == CloseCode.NORMAL
    assert finals(dialogue)[-1] == finals(whole)[-1]
    assert len(dialogue.finals) < len(whole.finals)


@pytest.mark.parametrize("pause_s", [0.0, 5.0])
async def test_a_recorder_that_was_paused_is_heard_on(
    server: RunningServer, pause_s: float
) -> None:
    recording = record("lossless", draw_pcm(HELLO), draw_pcm(WORLD), pause_s=pause_s)
    dialogue, _ = await hear(server, cut(recording, 4096))
    starts = [final["words"][0][1] for final in finals(dialogue)]

    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert starts[1] - starts[0] == pytest.approx(len(HELLO) * 32 + pause_s * 1000, abs=40)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([head_of(record("chromium", SPOKEN)), GARBAGE], "invalid stream: "),
        ([b"OggS" + bytes(9000)], "invalid stream: it ended before an Ogg"),
        (fragments_of(record("chromium", SPOKEN))[2:], "this looks like the middle of a WebM rec"),
        (fragments_of(record("safari", SPOKEN))[2:], "this looks like the middle of an MP4 rec"),
    ],
)
async def test_what_cannot_be_decoded_is_an_error_whether_or_not_stop_has_come(
    server: RunningServer, messages: Sequence[bytes], words: str
) -> None:
    dialogue, code = await hear(server, messages)

    (error,) = dialogue.errors
    assert error.startswith(words)
    assert "begin a new recording for each connection" in error
    assert "URL" not in error
    assert code == CloseCode.CLIENT_FAULT
    assert '{"state":"stopped"}' not in dialogue.texts


async def test_an_error_needs_no_stop_and_comes_with_the_finals(server: RunningServer) -> None:
    async with asyncio.timeout(60), server.dial() as dialogue:
        await dialogue.send(START, record("lossless", SPOKEN))
        while "world" * 3 not in dialogue.finals:
            await dialogue.next()
        (pid,) = decoders_of_this_process()
        os.kill(pid, signal.SIGKILL)
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert error.startswith("invalid stream: its audio cannot be decoded (the decoder crashed")
    assert dialogue.finals[:2] == ["hello" * 3, "world" * 3]
    assert code == CloseCode.CLIENT_FAULT


async def test_a_decoder_that_crashes_harms_no_other_session(server: RunningServer) -> None:
    recording = record("lossless", SPOKEN)
    half = len(recording) // 2
    async with asyncio.timeout(60), server.dial() as one, server.dial() as other:
        await one.send(START, recording[:half])
        await until(lambda: len(decoders_of_this_process()) == 1)
        (pid,) = decoders_of_this_process()
        await other.send(START, recording[:half])
        await until(lambda: len(decoders_of_this_process()) == 2)
        os.kill(pid, signal.SIGKILL)
        assert await one.until_closed() == CloseCode.CLIENT_FAULT
        await other.send(recording[half:], STOP)
        assert await other.until_closed() == CloseCode.NORMAL

    assert other.finals == ["hello" * 3, "world" * 3] * 3


@pytest.mark.parametrize("kind", ["chromium", "safari", "firefox"])
async def test_a_recorder_that_is_stopped_at_once_ends_without_an_error(
    server: RunningServer, kind: str
) -> None:
    dialogue, code = await hear(server, [head_of(record(kind, SPOKEN))])

    assert (dialogue.errors, dialogue.finals, code) == ([], [], CloseCode.NORMAL)


async def test_no_decoder_is_left_when_its_client_leaves(server: RunningServer) -> None:
    async with asyncio.timeout(60), server.dial() as dialogue:
        await dialogue.send(START, *fragments_of(record("lossless", SPOKEN))[:3])
        await until(lambda: len(decoders_of_this_process()) == 1)
        (pid,) = decoders_of_this_process()

    await until(lambda: has_gone(pid))


async def test_the_finals_of_what_was_recorded_come_when_the_server_goes_down() -> None:
    async with asyncio.timeout(60), run_server() as server, server.dial() as dialogue:
        await dialogue.send(START, *fragments_of(record("lossless", SPOKEN))[:5])
        while not dialogue.finals:
            await dialogue.next()
        (attachment,) = server.services.attachments
        attachment.end(CloseCode.RESTART)
        code = await dialogue.until_closed()

    assert dialogue.finals[:2] == ["hello" * 3, "world" * 3]
    assert (dialogue.texts[-1], code) == ('{"state":"stopped"}', CloseCode.RESTART)


@pytest.mark.parametrize(
    "messages",
    [
        [json.dumps({"action": "start", "key": "wrong"})],
        [],
    ],
    ids=["wrong key", "no start"],
)
async def test_who_has_shown_no_key_starts_no_process(messages: list[str]) -> None:
    before = children_of(os.getpid())
    async with run_server() as server, server.dial("/v2/realtime") as dialogue:
        await dialogue.send(*messages, record("chromium", SPOKEN)[:8000])
        code = await dialogue.until_closed()

        assert children_of(os.getpid()) == before
    assert code == CloseCode.CLIENT_FAULT


async def test_the_time_that_a_recording_says_has_passed_is_audio_that_its_key_pays_for(
    server: RunningServer,
) -> None:
    wishes = json.dumps({"max_minutes": 0.2}).encode()
    port = server.address.port
    asked = {"x-api-key": KEYS[0], "Content-Type": "application/json"}
    made = await ask(port, "/v1/tokens", asked, method="POST", body=wishes)
    path = f"/v2/realtime?token={json.loads(made.body)['token']}"
    recording = record("lossless", draw_pcm(HELLO), draw_pcm(WORLD), pause_s=30.0)

    async with asyncio.timeout(60), server.dial(path) as dialogue:
        await dialogue.send(START, recording, STOP)
        code = await dialogue.until_closed()

    assert code == CloseCode.CLIENT_FAULT
    assert dialogue.finals == ["hello" * 3]
    assert "allows 0.2 of audio" in dialogue.errors[0]


async def test_real_speech_is_understood_as_well_as_pcm(speech: bytes) -> None:
    spoken = speech[: 6 * 32_000]
    kinds = ("chromium", "safari")
    engines = load_engines()
    try:
        async with run_server(engines=engines) as server:
            (pushed, _), *recorded = await asyncio.gather(
                hear(server, cut(spoken, 6400)),
                *(hear(server, cut(record(kind, spoken), 5000)) for kind in kinds),
            )
    finally:
        engines.close()

    normalize = EnglishTextNormalizer()
    said = normalize(" ".join(pushed.finals))
    assert "ever tried" in said
    for dialogue, code in recorded:
        assert code == CloseCode.NORMAL
        assert jiwer.wer(said, normalize(" ".join(dialogue.finals))) <= 0.05
        assert abs(first_word_ms(dialogue) - first_word_ms(pushed)) <= 100
