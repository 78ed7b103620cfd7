"""Sessions over a real socket: what a client sends, and what it gets for it."""

from __future__ import annotations

import asyncio
import json
from typing import Unpack

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.testing.faulty import FailingEngine, StuckEngine
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, ScriptedVoices, draw_pcm
from tests.parts.wav import FOREVER, WavFields, wav

START, STOP = '{"action":"start"}', '{"action":"stop"}'
UTTERANCE = "." * 10 + "hello" * 3 + "." * 20


def wav_header(**fields: Unpack[WavFields]) -> bytes:
    """The 78 bytes that ffmpeg writes to a pipe."""
    fields.setdefault("size", FOREVER)
    fields["between"] = b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf60.16.100\0"
    return wav(**fields)


async def test_a_session_from_start_to_stopped(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm(UTTERANCE), STOP)
        code = await dialogue.until_closed()

    listening = json.loads(dialogue.texts[0])
    assert listening["state"] == "listening"
    assert len(listening["session_id"]) == 32
    assert dialogue.finals == ["hellohellohello"]
    assert dialogue.texts[-1] == '{"state":"stopped"}'
    assert code == 1000


async def test_the_first_message_after_start_is_listening(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START)

        assert "listening" in json.dumps(await dialogue.next())


async def test_finals_carry_their_words_and_nothing_that_was_not_measured(
    server: RunningServer,
) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm(UTTERANCE), STOP)
        await dialogue.until_closed()

    finals = [m for m in dialogue.messages if m.get("is_final")]
    assert [set(final) for final in finals] == [{"text", "is_final", "offset_ms", "words"}]


@pytest.mark.parametrize(
    ("query", "speakers"),
    [("", ["Speaker 1", "Speaker 2"]), ("&diarize=false", [None])],
)
async def test_finals_name_their_speaker_unless_told_not_to(
    query: str, speakers: list[str | None]
) -> None:
    talk = "." * 10 + "hello" * 8 + "." * 4 + "HELLO" * 8 + "." * 20
    voices = ScriptedVoices()
    engines = Engines(ScriptedVad(), (ScriptedEngine(),), Voices(voices, voices))
    async with (
        run_server(engines=engines) as server,
        server.dial(f"/v2/realtime?token=key-1{query}") as dialogue,
    ):
        await dialogue.send(START, draw_pcm(talk), STOP)
        await dialogue.until_closed()

    finals = [m for m in dialogue.messages if m.get("is_final")]
    assert [final.get("speaker") for final in finals] == speakers


async def test_partials_come_before_the_final_when_audio_comes_in_real_time_chunks(
    server: RunningServer,
) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START)
        await dialogue.next()
        for frame in "hello" * 8:
            await dialogue.send(draw_pcm(frame))
        partial = await dialogue.next()
        await dialogue.send(STOP)
        await dialogue.until_closed()

    assert not partial["is_final"]
    assert ("hello" * 8).startswith(partial["text"])
    assert dialogue.finals == ["hello" * 8]


async def test_no_partials_for_a_client_that_wants_none(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send('{"action":"start","partial":false}')
        for frame in "hello" * 8:
            await dialogue.send(draw_pcm(frame))
        await dialogue.send(STOP)
        await dialogue.until_closed()

    assert [m["is_final"] for m in dialogue.messages if "text" in m] == [True]


async def test_numbers_are_digits_in_every_result_for_a_client_that_asks(
    server: RunningServer,
) -> None:
    async with server.dial() as dialogue:
        await dialogue.send('{"action":"start","actual_numbers":true}')
        await dialogue.next()
        for frame in "twenty one dollars and no one else":
            await dialogue.send(draw_pcm(frame))
        await dialogue.next()
        await dialogue.send(STOP)
        await dialogue.until_closed()

    partials = [m["text"] for m in dialogue.messages if m.get("is_final") is False]
    assert partials
    assert {text[:2] for text in partials} <= {"20", "21"}
    assert dialogue.finals == ["21 dollars and no one else"]


async def test_numbers_stay_words_for_a_client_that_does_not_ask(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("twenty one dollars"), STOP)
        await dialogue.until_closed()

    assert dialogue.finals == ["twenty one dollars"]


async def test_the_legacy_endpoint_has_the_legacy_shape(server: RunningServer) -> None:
    async with server.dial("/realtime?language=en", {"x-zoom-s2t-key": "key-1"}) as dialogue:
        await dialogue.send(START, draw_pcm(UTTERANCE), STOP)
        await dialogue.until_closed()

    final, stopped = dialogue.messages[1:]
    assert set(final) == {"result", "text"}
    assert final["text"] == final["result"][0][0] == "hellohellohello"
    assert final["result"][0][1:3] == [320, 800]
    assert stopped == {"state": "stopped"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v2/realtime?token=key-1", {}),
        ("/v2/realtime?token=key-2&type=quality&language=en-US", {}),
        ("/v2/realtime?language=en", {"x-zoom-s2t-key": "key-1"}),
        ("/v2/realtime", {"X-API-Key": "key-1"}),
        ("/v2/realtime", {"api-key": "key-2"}),
        ("/v2/realtime", {"Authorization": "Bearer key-1"}),
        ("/v2/realtime?token=key-1", {"api-key": "key-2"}),
    ],
)
async def test_a_key_is_taken_from_every_place(
    server: RunningServer, path: str, headers: dict[str, str]
) -> None:
    async with server.dial(path, headers) as dialogue:
        await dialogue.send(START)

        assert (await dialogue.next())["state"] == "listening"


async def test_a_key_in_start_is_judged_when_it_comes(server: RunningServer) -> None:
    async with server.dial("/v2/realtime") as dialogue:
        await dialogue.send('{"action":"start","key":"key-2"}')

        assert (await dialogue.next())["state"] == "listening"


async def test_an_unknown_action_is_told_and_the_session_goes_on(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, '{"action":"dance"}', draw_pcm("..hello"), STOP)
        code = await dialogue.until_closed()

    assert "dance" in dialogue.errors[0]
    assert dialogue.finals == ["hello"]
    assert code == 1000


async def test_audio_after_stop_is_dropped_without_a_word(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello"), STOP, draw_pcm("xxxx"), START, "{")
        code = await dialogue.until_closed()

    assert dialogue.finals == ["hello"]
    assert dialogue.errors == []
    assert code == 1000


async def test_a_text_frame_of_two_mebibytes_closes_with_1009(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, "x" * (2 * 1024 * 1024))
        code = await dialogue.until_closed()

    assert dialogue.errors == []
    assert code == 1009


async def test_without_start_the_connection_times_out() -> None:
    async with run_server(start_timeout_ms=100) as server, server.dial() as dialogue:
        code = await dialogue.until_closed()

    assert "connection timeout" in dialogue.errors[0]
    assert code == 1008


async def test_the_header_that_ffmpeg_pipes_shares_its_message_with_samples(
    server: RunningServer,
) -> None:
    header = wav_header()
    async with server.dial() as dialogue:
        await dialogue.send(START, header + draw_pcm(UTTERANCE), STOP)
        await dialogue.until_closed()

    assert len(header) == 78
    assert dialogue.finals == ["hellohellohello"]


async def test_a_lying_wav_size_loses_nothing(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, wav_header(size=4) + draw_pcm("..he"), draw_pcm("llo"), STOP)
        await dialogue.until_closed()

    assert dialogue.finals == ["hello"]


async def test_an_impossible_wav_format_is_an_error(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, wav_header(rate_hz=0) + draw_pcm("hello"))
        code = await dialogue.until_closed()

    assert "rate" in dialogue.errors[0]
    assert code == 1008


async def test_messages_of_1024_bytes_sent_without_pause(server: RunningServer) -> None:
    audio = draw_pcm(UTTERANCE * 20)
    async with server.dial() as dialogue:
        await dialogue.send(START)
        await dialogue.send(*(audio[at : at + 1024] for at in range(0, len(audio), 1024)))
        await dialogue.send(STOP)
        code = await dialogue.until_closed()

    assert dialogue.finals == ["hellohellohello"] * 20
    assert code == 1000


async def test_a_sample_may_be_split_across_messages(server: RunningServer) -> None:
    audio = draw_pcm("..hello")
    async with server.dial() as dialogue:
        await dialogue.send(START, audio[:777], audio[777:1000], audio[1000:], STOP)
        await dialogue.until_closed()

    assert dialogue.finals == ["hello"]


async def test_without_audio_a_session_neither_ends_nor_stalls() -> None:
    # The only limits that a client without audio could meet: the first is told, shorter than the
    # pause; the others end whoever answers no ping.
    async with run_server(start_timeout_ms=100) as server, server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..he"))
        await dialogue.next()
        await asyncio.sleep(0.2)  # real time is what this one test is about
        await dialogue.send(draw_pcm("llo"), STOP)
        code = await dialogue.until_closed()

    assert dialogue.finals == ["hello"]
    assert code == 1000


async def test_a_client_may_leave_without_stop_and_come_back(server: RunningServer) -> None:
    for _ in range(3):
        async with server.dial() as dialogue:
            await dialogue.send(START, draw_pcm("..hello"))
            await dialogue.next()
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..again"), STOP)
        await dialogue.until_closed()

    assert dialogue.finals == ["again"]


async def test_two_clients_at_once_get_the_finals_of_each_alone(server: RunningServer) -> None:
    pictures = [UTTERANCE * 4, ("." * 7 + "other" * 5 + "." * 18) * 3]

    async def finals(picture: str) -> list[str]:
        audio = draw_pcm(picture)
        async with server.dial() as dialogue:
            await dialogue.send(START)
            await dialogue.send(*(audio[at : at + 3000] for at in range(0, len(audio), 3000)))
            await dialogue.send(STOP)
            await dialogue.until_closed()
        heard: list[str] = dialogue.finals
        return heard

    alone = [await finals(picture) for picture in pictures]

    assert await asyncio.gather(*map(finals, pictures)) == alone
    assert [len(texts) for texts in alone] == [4, 3]


@pytest.mark.slow
async def test_a_session_that_is_behind_stops_reading_its_socket() -> None:
    engine = StuckEngine()
    audio = draw_pcm(UTTERANCE * 350)  # 17 MB: more than socket buffers hold
    async with (
        run_server(engines=Engines(ScriptedVad(), (engine,))) as server,
        server.dial() as dialogue,
    ):
        await dialogue.send(START)
        sending = asyncio.create_task(
            dialogue.send(*(audio[at : at + 65_536] for at in range(0, len(audio), 65_536)))
        )
        await asyncio.to_thread(engine.has_begun.wait)
        done, _ = await asyncio.wait([sending], timeout=1)  # long enough to send it twice over
        engine.release.set()
        sending.cancel()

    assert not done


async def test_an_engine_that_fails_ends_its_session_without_internals_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    observer = RememberingObserver()
    async with (
        run_server(Engines(ScriptedVad(), (FailingEngine(),)), observer=observer) as server,
        server.dial() as unlucky,
        server.dial() as other,
    ):
        await other.send(START, draw_pcm("..hello"))
        await unlucky.send(START, draw_pcm(UTTERANCE + "...xxxx...."), STOP)
        code = await unlucky.until_closed()
        await other.send(draw_pcm("hello"), STOP)
        await other.until_closed()

    assert code == 1011
    assert "close 1011" in observer.told
    assert len(unlucky.errors) == 1
    assert "secret" not in unlucky.errors[0]
    assert "secret internals" in caplog.text
    assert unlucky.messages[0]["session_id"] in caplog.text
    assert other.finals == ["hellohello"]


async def test_ending_a_server_gives_each_session_its_finals() -> None:
    async with run_server() as server:
        context = server.dial()
        dialogue = await context.__aenter__()
        await dialogue.send(START, draw_pcm("..hello"))
        await dialogue.next()
    code = await dialogue.until_closed()
    await context.__aexit__(None, None, None)

    assert dialogue.finals == ["hello"]
    assert dialogue.texts[-1] == '{"state":"stopped"}'
    assert code == 1012
