"""What a client may not do, over a real socket: each gets its error and its close code."""

from __future__ import annotations

import pytest

from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm

START = '{"action":"start"}'

MICROPHONE = "/v2/realtime?token=key-1"
STREAM = "/v2/client/key-1?url=https%3A%2F%2Fa.example%2F"
BROKEN: list[tuple[str, str, list[str | bytes], str]] = [
    # what the client does wrong, where, with which messages; what the error must speak of
    ("no key", "/v2/realtime", [START], "missing token"),
    ("a wrong key", "/v2/realtime", ['{"action":"start","key":"no"}'], "unknown token"),
    ("a bad type", MICROPHONE + "&type=slow", [], "slow"),
    ("a bad language", MICROPHONE + "&language=klingon", [], "klingon"),
    ("no such model", MICROPHONE + "&language=nl", [], "no model on this server; available: en"),
    ("no such model, a URL", STREAM + "&language=nl", [], "no model on this server; available: en"),
    ("one of several without", MICROPHONE + "&languages=en,nl", [], "languages nl: no model"),
    ("a locked one and several", MICROPHONE + "&language=en&languages=en", [], "one or the other"),
    ("nothing finds it out", MICROPHONE + "&language=auto", [], "finds out which one is spoken"),
    ("nothing finds it out, a URL", STREAM + "&language=auto", [], "language auto: no model"),
    ("a bad endpointing", MICROPHONE + "&endpointing=5", [], "endpointing"),
    ("audio before start", MICROPHONE, [draw_pcm("abc")], "before `start`"),
    ("malformed JSON", MICROPHONE, ['{"action":'], "JSON"),
    ("text that is no object", MICROPHONE, ["[1]"], "object"),
    ("wrong types", MICROPHONE, ['{"action":"start","partial":1}'], "partial"),
]


@pytest.mark.parametrize(
    ("path", "messages", "words"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
async def test_misuse_gets_its_error_and_close_code(
    server: RunningServer, path: str, messages: list[str | bytes], words: str
) -> None:
    async with server.dial(path) as dialogue:
        await dialogue.send(*messages)
        closed = await dialogue.until_closed()

    assert len(dialogue.errors) == 1
    assert words in dialogue.errors[0]
    assert closed == 1008


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (START, "second `start`"),
        ("{", "JSON"),
        ("7", "object"),
    ],
)
async def test_misuse_after_start_still_gets_the_finals_of_what_was_heard(
    server: RunningServer, message: str, words: str
) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START, draw_pcm("..hello"), message)
        code = await dialogue.until_closed()

    assert words in dialogue.errors[0]
    assert dialogue.finals == ["hello"]
    assert '{"state":"stopped"}' not in dialogue.texts
    assert code == 1008
