"""Play every dialogue of `protocol/vectors` through the server core, and back through the client's.

The two players below are shells: they do what a vector's lines say, and check the rest.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlencode, urlsplit

import pytest

from scribewire.errors import ClientFault, CloseCode
from scribewire.events import Final, Partial
from scribewire.grants import NO_LIMITS
from scribewire.protocol.dialects import LEGACY, read_request
from scribewire.protocol.dialogue import (
    AudioEnded,
    AudioReceived,
    ClientLost,
    Close,
    OpeningRequest,
    SessionAborted,
)
from scribewire.protocol.legacy.shape import LegacyShape
from scribewire.protocol.policy import ServerPolicy, refuse_keys
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage
from scribewire.protocol.scriptix.client import ClientConnection
from scribewire.protocol.scriptix.codec import parse_client, parse_server
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, Endpoint, client_url
from scribewire.protocol.scriptix.messages import (
    Audio,
    AudioAcknowledged,
    ErrorMessage,
    Listening,
    Loading,
    ShuttingDown,
    Start,
    Stop,
    Stopped,
)
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.types import ms_to_samples

VECTORS = sorted((Path(__file__).parents[2] / "protocol" / "vectors").glob("*.jsonl"))

Line: TypeAlias = dict[str, Any]  # a line of a vector is whatever JSON it holds


def read_vector(path: Path) -> tuple[Line, list[Line]]:
    header, *steps = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return header, steps


def request_of(header: Line) -> OpeningRequest:
    query = urlencode(header["query"])
    request = read_request(header["endpoint"], query, header["headers"].items())
    assert request is not None
    return request


def endpoint_of(header: Line) -> Endpoint:
    """Return where an SDK connects to, with the shape that it reads."""
    path = request_of(header).path
    endpoint = next(one for one in (MICROPHONE, STREAM, LEGACY) if path == one.path)
    default = header["settings"].get("results", "standard")
    if endpoint is not LEGACY and header["query"].get("results", default) == "legacy":
        return replace(endpoint, shape=LegacyShape(), shape_name="legacy")
    return endpoint


def event_of(result: ResultMessage) -> Partial | Final:
    """Return what a recognizer has put out where this is told."""
    end = ms_to_samples(result.offset_ms)
    if isinstance(result, PartialResult):
        return Partial(
            utterance=0,
            text=result.text,
            start_sample=0,
            end_sample=end,
            stability=result.stability,
        )
    return Final(
        utterance=0,
        text=result.text,
        start_sample=0,
        end_sample=end,
        decided_sample=end,
        words=result.words,
        speaker=None if result.speaker is None else int(result.speaker.removeprefix("Speaker ")),
        language=result.language,
    )


def policy_of(header: Line) -> ServerPolicy:
    settings = header["settings"]
    return ServerPolicy(
        languages=frozenset(settings["languages"]),
        default_language=settings["default_language"],
        auto_languages=frozenset(settings.get("auto_languages", [])),
        grant_of=lambda key: NO_LIMITS if key in settings["keys"] else None,
        start_timeout_ms=settings["start_timeout_ms"],
        shape_name=settings.get("results", "standard"),
        serves_streams=settings.get("serves_streams", False),
    )


def message_of(step: Line) -> str | bytes:
    if "text" in step:
        return str(step["text"])
    if "binary_hex" in step:
        return bytes.fromhex(step["binary_hex"])
    unit, count = step["binary_repeat"]
    return bytes.fromhex(unit) * int(count)


class ServerPlayer:
    """Play a vector against the server core; engine and operator are the vector's lines."""

    def __init__(self, header: Line) -> None:
        begin = request_of(header).begin
        self.server = begin(policy_of(header), header["settings"]["session_id"], 0)
        self.shape = endpoint_of(header).shape
        self.audio_bytes = 0
        self.owes_finish = False
        self.is_aborted = False
        self.is_kept = False

    def play(self, step: Line) -> None:
        if not step.get("by_server_core", True):
            return
        if "at_ms" in step:
            self.server.handle_timer(step["at_ms"] / 1000)
        match step:
            case {"from": "shell"}:
                self.act(step)
            case {"from": "client", "close": code}:
                self.server.receive_disconnect(code)
            case {"from": "client"}:
                self.receive(message_of(step))
            case {"from": "server", "close": code}:
                self.settle()
                close = self.server.next_outgoing()
                assert isinstance(close, Close)
                assert close.code == code
            case {"from": "server", "text": text}:
                said = self.server.next_outgoing()  # by itself
                if said is None:
                    self.cause(text)
                    said = self.server.next_outgoing()
                assert said == (text if step.get("sent", True) else None)
        self.take_events()

    def receive(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.server.receive_text(message)
        else:
            self.server.receive_bytes(message)

    def act(self, step: Line) -> None:
        match step["do"]:
            case "end_session":
                self.server.end_session(CloseCode(step["close"]))
            case "cut_off":
                self.server.cut_off(CloseCode(step["close"]), at=step["at"])
            case "reject":
                self.server.reject(ClientFault(step["error"]))
            case "fail_source":
                has_retried = step.get("has_retried", False)
                code = CloseCode.SERVER_FAULT if has_retried else CloseCode.CLIENT_FAULT
                self.server.fail_source(ClientFault(step["error"], code))
            case "turn_away":
                self.server.turn_away(step["error"], CloseCode(step["close"]))
            case "fail":
                self.server.fail(step["error"])
            case _:
                pytest.fail(f"unknown act: {step}")

    def cause(self, text: str) -> None:
        """Call what a shell calls to send this."""
        match parse_server(text, self.shape):
            case Loading():
                self.server.send_loading()
            case Listening(position=position):
                self.server.send_listening(position)
            case AudioAcknowledged(received_bytes, replay_from_bytes):
                self.server.send_received(received_bytes, replay_from_bytes)
            case PartialResult() as result:
                self.server.send_result(event_of(result))
            case FinalResult() as result:
                self.server.send_result(event_of(result), result.number)
            case ShuttingDown(at, can_resume):
                self.server.announce_shutdown(at, can_resume=can_resume)
            case Stopped() | ErrorMessage():
                self.settle()

    def settle(self) -> None:
        if self.owes_finish:
            self.owes_finish = False
            self.server.finish()

    def take_events(self) -> None:
        while event := self.server.next_event():
            match event:
                case AudioReceived(pcm):
                    self.audio_bytes += len(pcm)
                case AudioEnded():
                    self.owes_finish = True
                case SessionAborted():
                    self.is_aborted = True
                case ClientLost():
                    self.is_kept = True


class ClientPlayer:
    """Play a vector against the client core, which says what a well-behaved client would."""

    def __init__(self, header: Line) -> None:
        self.client = ClientConnection(now=0, endpoint=endpoint_of(header))

    def play(self, step: Line) -> None:
        match step:
            case {"from": "server", "http": _}:
                self.client.receive_close(1006, "")
            case {"from": "server", "close": code}:
                self.client.receive_close(code, "")
            case {"from": "server", "text": text} if step.get("sent", True):
                self.client.receive_text(text, step.get("at_ms", 0) / 1000)
            case {"from": "client", "close": code}:
                self.leave(code, step)
            case {"from": "client"} if step.get("well_behaved", True):
                self.say(message_of(step), step)

    def leave(self, code: int, step: Line) -> None:
        self.client.handle_timer(step.get("at_ms", 0) / 1000)
        if code != 1006:
            self.client.send_close()
            close = self.client.next_outgoing()
            assert isinstance(close, Close)
            assert close.code == code
        self.client.receive_close(code, "")

    def say(self, message: str | bytes, step: Line) -> None:
        self.client.handle_timer(step.get("at_ms", 0) / 1000)
        said = parse_client(message)
        match said:
            case Start(key=key, wishes=wishes):
                self.client.send_start(wishes, key=key)
            case Stop():
                self.client.send_stop()
            case Audio(pcm):
                self.client.send_audio(pcm)
        written = self.client.next_outgoing()
        assert isinstance(written, str | bytes)
        assert parse_client(written) == said

    def drain(self) -> None:
        while self.client.next_event() is not None:
            pass


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_server_core_plays_the_dialogue(path: Path) -> None:
    header, steps = read_vector(path)
    refusal = refuse_keys(request_of(header).keys, policy_of(header))
    if refusal is not None:
        assert steps == [{"from": "server", "http": refusal.status}]
        return
    player = ServerPlayer(header)

    for step in steps:
        player.play(step)

    assert player.server.next_outgoing() is None
    player.server.receive_disconnect()
    player.take_events()
    assert player.server.is_over
    assert player.audio_bytes == header["expect"]["audio_bytes"]
    assert player.is_aborted is header["expect"]["aborted"]
    assert player.is_kept is header["expect"].get("kept", False)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_client_core_plays_the_dialogue(path: Path) -> None:
    header, steps = read_vector(path)
    player = ClientPlayer(header)

    for step in steps:
        player.play(step)
        player.drain()

    assert player.client.next_outgoing() is None
    assert player.client.state is ConnectionState(header["expect"]["client_state"])


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_an_sdk_can_ask_for_the_same_handshake(path: Path) -> None:
    header, _ = read_vector(path)
    expected = request_of(header)
    url = client_url(
        "wss://example.org/prefix",
        endpoint_of(header),
        expected.wishes,
        key=expected.keys[0] if expected.keys else None,
        resuming=expected.come_back or expected.is_resumable,
    )

    parts = urlsplit(url)
    asked = read_request(unquote(parts.path.removeprefix("/prefix")), parts.query, [])

    assert asked is not None
    assert asked.keys == expected.keys[:1]
    assert (asked.path, asked.wishes) == (expected.path, expected.wishes)
    assert asked.is_resumable is expected.is_resumable
    assert asked.come_back == expected.come_back
