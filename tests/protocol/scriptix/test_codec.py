from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ClientFault, CloseCode, ServerFault
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.codec import (
    parse_client,
    parse_server,
    serialise_client,
    serialise_server,
)
from scribewire.protocol.scriptix.messages import (
    Audio,
    ClientMessage,
    ErrorMessage,
    Listening,
    Loading,
    ServerMessage,
    ShuttingDown,
    Start,
    Stop,
    Stopped,
    UnknownAction,
    UnknownMessage,
)
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES
from scribewire.types import Word
from scribewire.wishes import Wishes

WORD = Word(text="Hi.", start_ms=0, end_ms=500, confidence=0.95)

CLIENT_LINES: list[tuple[str | bytes, ClientMessage]] = [
    ('{"action":"start"}', Start()),
    ('{"action":"start","key":"abc"}', Start(key="abc")),
    ('{"action":"start","key":""}', Start(key="")),
    (
        '{"action":"start","partial":false,"actual_numbers":true}',
        Start(wishes=Wishes(partials=False, digits=True)),
    ),
    ('{"action":"stop"}', Stop()),
    ('{"action":"dance"}', UnknownAction("dance")),
    ('{"action":""}', UnknownAction("")),
    (b"", Audio(b"")),
    (b'{"action":"stop"}', Audio(b'{"action":"stop"}')),
]

CLIENT_VARIANTS: list[tuple[str, ClientMessage]] = [
    ('{ "action" : "stop", "why" : "tired" }\n', Stop()),
    ('{"action":"start","key":null,"partial":null,"actual_numbers":null}', Start()),
    ('{"action":"start","partial":true,"actual_numbers":false}', Start()),
    ('{"action":"START"}', UnknownAction("START")),
    ("{}", UnknownAction("")),
    ('{"action":null}', UnknownAction("null")),
    ('{"action":1e999}', UnknownAction("Infinity")),
    ('{"action":{"action":"stop"}}', UnknownAction("an object")),
]

EXPECTED = ': expected one JSON object such as {"action":"start"}'
NO_KEY = "key: expected a string (the value is not shown); correct it in `start`"

CLIENT_FAULTS = [
    # text, the fault
    ("", "malformed JSON at character 0" + EXPECTED),
    ('{"action":"start","key":"secret"', "malformed JSON at character 32" + EXPECTED),
    ("null", "text is not an object but null" + EXPECTED),
    ('"stop"', 'text is not an object but "stop"' + EXPECTED),
    ("[]", "text is not an object but a list" + EXPECTED),
    (
        '{"action":"start","partial":"yes"}',
        'partial "yes": expected true or false; correct it in `start`',
    ),
    (
        '{"action":"start","actual_numbers":1}',
        "actual_numbers 1: expected true or false; correct it in `start`",
    ),
    ('{"action":"start","key":1234}', NO_KEY),
    ('{"action":"start","key":["secret"]}', NO_KEY),
    ('{"action":"start","key":"\\ud800"}', NO_KEY),
]

SERVER_LINES: list[tuple[str, ServerMessage]] = [
    ('{"state":"loading"}', Loading()),
    ('{"state":"listening","session_id":"0f"}', Listening("0f")),
    ('{"state":"stopped"}', Stopped()),
    ('{"state":"shutting_down","at":1767225600}', ShuttingDown(1767225600)),
    (
        '{"state":"shutting_down","at":1767225600,"resume":true}',
        ShuttingDown(1767225600, can_resume=True),
    ),
    ('{"error":"é"}', ErrorMessage("é")),
    ('{"text":"hi","is_final":false,"offset_ms":1500}', PartialResult(text="hi", offset_ms=1500)),
    (
        '{"text":"hi","is_final":false,"offset_ms":1500,"stability":0.85}',
        PartialResult(text="hi", offset_ms=1500, stability=0.85),
    ),
    ('{"text":"Hi.","is_final":true,"offset_ms":9}', FinalResult(text="Hi.", offset_ms=9)),
    (
        '{"text":"","is_final":true,"offset_ms":9,"words":[]}',
        FinalResult(text="", offset_ms=9, words=()),
    ),
    (
        '{"text":"Hi.","is_final":true,"offset_ms":9,"words":[["Hi.",0,500,0.95]],"speaker":"A"}',
        FinalResult(text="Hi.", offset_ms=9, words=(WORD,), speaker="A"),
    ),
    ('{"state":"warming"}', UnknownMessage('{"state":"warming"}')),
    ('{"error":5}', UnknownMessage('{"error":5}')),
    ("{}", UnknownMessage("{}")),
]

SERVER_VARIANTS: list[tuple[str, ServerMessage]] = [
    ('{"state": "listening"}', Listening("")),
    ('{"state":"shutting_down","at":1.5}', ShuttingDown(1)),
    (
        '{"text":"hi","is_final":true,"offset_ms":1,"speaker":null,"words":null,"mood":"merry"}',
        FinalResult(text="hi", offset_ms=1),
    ),
]

SERVER_FAULTS = [
    # text, the fault
    ("hello", "the server sent malformed JSON at character 0"),
    ("[]", "the server sent a list: expected a JSON object"),
    (
        '{"state":"listening","session_id":5}',
        "the server sent session_id 5: expected a string",
    ),
    ('{"state":"shutting_down"}', "the server sent at null: expected a number"),
    ('{"state":"shutting_down","at":1e999}', "the server sent at Infinity: expected a number"),
    ('{"is_final":true,"offset_ms":1}', "the server sent text null: expected a string"),
    (
        '{"is_final":true,"text":"","offset_ms":true}',
        "the server sent offset_ms true: expected a number",
    ),
    (
        '{"is_final":false,"text":"","offset_ms":1,"stability":"high"}',
        'the server sent stability "high": expected a number',
    ),
    (
        '{"is_final":true,"text":"","offset_ms":1,"words":"a"}',
        'the server sent words "a": expected a list',
    ),
    (
        '{"is_final":true,"text":"","offset_ms":1,"words":[["a",0]]}',
        "the server sent the word a list: expected [text, start_ms, end_ms, confidence]",
    ),
    ('"' + "a" * MAX_MESSAGE_BYTES + '"', "the server sent a message over 1048576 bytes"),
]

CLIENT_MESSAGES = st.one_of(
    st.builds(
        Start,
        key=st.none() | st.text(),
        wishes=st.builds(Wishes, partials=st.booleans(), digits=st.booleans()),
    ),
    st.just(Stop()),
    st.builds(Audio, st.binary()),
    st.builds(UnknownAction, st.text().filter(lambda action: action not in ("start", "stop"))),
)
MS = st.integers(0, 10**9)
WORDS = st.builds(Word, text=st.text(), start_ms=MS, end_ms=MS, confidence=st.floats(0, 1))
SERVER_MESSAGES = st.one_of(
    st.sampled_from([Loading(), Stopped(), UnknownMessage('{"state":"warming"}')]),
    st.builds(Listening, st.text()),
    st.builds(ErrorMessage, st.text()),
    st.builds(ShuttingDown, st.integers(0, 2**40), st.booleans()),
    st.builds(PartialResult, text=st.text(), offset_ms=MS, stability=st.none() | st.floats(0, 1)),
    st.builds(
        FinalResult,
        text=st.text(),
        offset_ms=MS,
        words=st.none() | st.lists(WORDS, max_size=3).map(tuple),
        speaker=st.none() | st.text(),
    ),
)


@pytest.mark.parametrize(("line", "message"), CLIENT_LINES)
def test_a_client_message_is_written_and_read(line: str | bytes, message: ClientMessage) -> None:
    assert serialise_client(message) == line
    assert parse_client(line) == message


@pytest.mark.parametrize(("line", "message"), CLIENT_VARIANTS)
def test_a_client_message_may_be_written_otherwise(line: str, message: ClientMessage) -> None:
    assert parse_client(line) == message


@pytest.mark.parametrize(("line", "complaint"), CLIENT_FAULTS)
def test_what_a_client_may_not_send_is_its_fault(line: str, complaint: str) -> None:
    with pytest.raises(ClientFault) as raised:
        parse_client(line)

    assert raised.value.message == complaint
    assert raised.value.close_code is CloseCode.CLIENT_FAULT


@pytest.mark.parametrize("unit", ["a", b"a"])
def test_a_message_over_the_limit_is_too_big(unit: str | bytes) -> None:
    with pytest.raises(ClientFault) as raised:
        parse_client(unit * (MAX_MESSAGE_BYTES + 1))

    assert raised.value.close_code is CloseCode.MESSAGE_TOO_BIG


@pytest.mark.parametrize(
    "text", ["[" + "{}," * 30_000 + "{}]", '{"action":"start","note":"' + "x" * 65_536 + '"}']
)
def test_a_text_that_would_take_long_to_parse_is_refused_unread(text: str) -> None:
    with pytest.raises(ClientFault, match="expected at most 65536; send audio as") as raised:
        parse_client(text)

    assert raised.value.close_code is CloseCode.CLIENT_FAULT


@pytest.mark.parametrize(("line", "message"), SERVER_LINES)
def test_a_server_message_is_written_and_read(line: str, message: ServerMessage) -> None:
    assert serialise_server(message) == line
    assert parse_server(line) == message


@pytest.mark.parametrize(("line", "message"), SERVER_VARIANTS)
def test_a_server_message_is_read_tolerantly(line: str, message: ServerMessage) -> None:
    assert parse_server(line) == message


@pytest.mark.parametrize(("line", "complaint"), SERVER_FAULTS, ids=range(len(SERVER_FAULTS)))
def test_a_broken_server_message_is_the_servers_fault(line: str, complaint: str) -> None:
    with pytest.raises(ServerFault) as raised:
        parse_server(line)

    assert str(raised.value) == complaint


@given(CLIENT_MESSAGES)
def test_every_client_message_comes_back(message: ClientMessage) -> None:
    assert parse_client(serialise_client(message)) == message


@given(SERVER_MESSAGES)
def test_every_server_message_comes_back(message: ServerMessage) -> None:
    assert parse_server(serialise_server(message)) == message
