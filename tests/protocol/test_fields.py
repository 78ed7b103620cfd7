from __future__ import annotations

import pytest

from scribewire.errors import ServerFault
from scribewire.protocol.fields import (
    list_words,
    load_server_fields,
    read_number,
    read_optional_text,
    read_text,
    read_words,
    without_absent,
)
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES
from scribewire.types import Word

WORD = Word(text="Hi.", start_ms=0, end_ms=500, confidence=0.95)

FAULTS = [
    ("hello", "the server sent malformed JSON at character 0"),
    ("[]", "the server sent a list: expected a JSON object"),
    ('"' + "a" * MAX_MESSAGE_BYTES + '"', "the server sent a message over 1048576 bytes"),
]

NO_WORDS: list[object] = [
    ["Hi.", 0],
    ["Hi.", 0, 500, "sure"],
    ["Hi.", 0, True, 0.5],
    ["Hi.", 0, float("inf"), 0.5],
    [5, 0, 500, 0.5],
    "Hi.",
]


@pytest.mark.parametrize(("text", "complaint"), FAULTS, ids=range(len(FAULTS)))
def test_what_is_no_object_is_the_servers_fault(text: str, complaint: str) -> None:
    with pytest.raises(ServerFault) as raised:
        load_server_fields(text)

    assert str(raised.value) == complaint


def test_a_field_is_what_it_should_be() -> None:
    fields = load_server_fields('{"text":"hi","at":1.5,"none":null}')

    assert read_text(fields, "text") == read_optional_text(fields, "text") == "hi"
    assert read_optional_text(fields, "none") is None
    assert read_number(fields, "at") == 1.5
    assert without_absent(fields) == {"text": "hi", "at": 1.5}
    with pytest.raises(ServerFault, match=r"the server sent at 1\.5: expected a string"):
        read_text(fields, "at")
    with pytest.raises(ServerFault, match='the server sent text "hi": expected a number'):
        read_number(fields, "text")


def test_words_come_back() -> None:
    assert read_words({"words": list_words((WORD,))}, "words") == (WORD,)
    assert read_words({"words": list_words(None)}, "words") is None


@pytest.mark.parametrize("word", NO_WORDS)
def test_a_broken_word_is_the_servers_fault(word: object) -> None:
    with pytest.raises(ServerFault, match="the server sent the word"):
        read_words({"words": [word]}, "words")
