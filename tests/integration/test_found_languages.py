"""Sessions whose language is found out: which engine serves them, and what a client is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.cli.transcribers import transcribing_here
from scribewire.engines.engines import Engines
from scribewire.protocol.results import FinalResult
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.runtime.admission import CallCosts
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad, draw_pcm
from scribewire.wishes import Wishes

PATH = "/v2/realtime?token=key-1"


async def answer(server: RunningServer, asked: str) -> int:
    """Return the HTTP status that a session which asks for this gets."""
    try:
        async with server.dial(f"{PATH}&{asked}"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


class TellingEngine(ScriptedEngine):
    """Hears Dutch where there is a z, else English."""

    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"de", "en", "nl"}), tells_language=True)

    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        assert result.hypothesis is not None
        assert request.languages, "what may be spoken is always named"
        heard = "nl" if "z" in result.hypothesis.text else "en"
        language = heard if heard in request.languages else None
        return DecodeResult(replace(result.hypothesis, language=language))


@pytest.mark.parametrize("mode", ["fast", "quality"])
@pytest.mark.parametrize("asked", ["language=auto", "languages=nl,en"])
async def test_a_session_is_served_by_the_engine_that_tells_languages(
    asked: str, mode: str
) -> None:
    english, telling = ScriptedEngine(), TellingEngine()
    engines = Engines(ScriptedVad(), (english, telling))

    async with (
        run_server(engines) as server,
        server.dial(f"{PATH}&type={mode}&{asked}") as dialogue,
    ):
        await dialogue.send('{"action":"start"}', draw_pcm(".." + "hello" * 8 + "." * 60))
        await dialogue.send('{"action":"stop"}')
        assert await dialogue.until_closed() == 1000

    assert (dialogue.finals, dialogue.errors) == (["hello" * 8], [])
    assert telling.requests
    assert not english.requests


TWO_LANGUAGES = ".." + "zee" * 40 + "." * 60 + "sea" * 40 + "." * 60
TWO_NUMBERS = ".." + "zeventien" + "." * 60 + "seventeen" + "." * 60


@pytest.mark.parametrize(
    ("asked", "picture", "finals"),
    [
        ("language=auto", TWO_LANGUAGES, [("zee" * 40, "nl"), ("sea" * 40, "en")]),
        ("languages=nl,en", TWO_LANGUAGES, [("zee" * 40, "nl"), ("sea" * 40, "en")]),
        ("languages=de,en", TWO_LANGUAGES, [("zee" * 40, None), ("sea" * 40, "en")]),
        ("language=nl", TWO_LANGUAGES, [("zee" * 40, "nl"), ("sea" * 40, None)]),
        ("language=auto", TWO_NUMBERS, [("17", "nl"), ("17", "en")]),
        ("languages=de,en", TWO_NUMBERS, [("zeventien", None), ("17", "en")]),
    ],
)
async def test_finals_say_which_language_was_heard_and_have_its_numbers(
    asked: str, picture: str, finals: list[tuple[str, str | None]]
) -> None:
    engines = Engines(ScriptedVad(), (TellingEngine(),))

    async with run_server(engines) as server, server.dial(f"{PATH}&{asked}") as dialogue:
        await dialogue.send('{"action":"start","actual_numbers":true}', draw_pcm(picture))
        await dialogue.send('{"action":"stop"}')
        assert await dialogue.until_closed() == 1000

    said = [message for message in dialogue.messages if message.get("is_final")]
    assert [(final["text"], final.get("language")) for final in said] == finals
    assert all(final.get("language", "") is not None for final in said)  # absent, never null


async def test_a_file_is_transcribed_here_as_a_server_does_it() -> None:
    wishes = Wishes(languages=("nl", "en"), partials=False, digits=True)
    engines = Engines(ScriptedVad(), (ScriptedEngine(), TellingEngine()))

    async with transcribing_here(wishes, engines, Settings()) as transcriber:
        await transcriber.send_audio(draw_pcm(TWO_NUMBERS))
        await transcriber.stop()
        results = [result async for result in transcriber.results()]

    finals = [result for result in results if isinstance(result, FinalResult)]
    assert [(final.text, final.language) for final in finals] == [("17", "nl"), ("17", "en")]


async def test_languages_that_cannot_be_told_are_refused_by_name() -> None:
    async with run_server() as server, server.dial(f"{PATH}&language=auto") as dialogue:
        assert await dialogue.until_closed() == 1008

    (error,) = dialogue.errors
    assert error == (
        "language auto: no model on this server finds out which one is spoken; "
        "name one in `language`; available: en"
    )


@pytest.mark.parametrize("asked", ["language=auto", "languages=nl,en"])
async def test_a_session_is_let_in_by_the_costs_of_the_engine_that_would_serve_it(
    asked: str,
) -> None:
    english, telling = ScriptedEngine(), TellingEngine()
    engines = Engines(ScriptedVad(), (english, telling))
    cheap, dear = (CallCosts(final_s=0.1, stream_share=share) for share in (0.01, 100.0))
    settings = Settings(port=0, keys=("key-1",), max_final_latency_ms=700)

    async with serving(settings, engines, {english: cheap, telling: dear}) as running:
        server = RunningServer(*running)
        async with server.dial(PATH):  # somebody who would have to wait
            answers = [await answer(server, asked), await answer(server, "language=en")]

    assert answers == [503, 101]
