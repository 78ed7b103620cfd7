from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from scribewire import __version__
from scribewire.recognition.requests import DecodeRequest, DecodeResult, EmbeddingRequest
from scribewire.runtime.parcel import VERSION, pack
from scribewire.runtime.shared_engine.frames import (
    AskedCall,
    Frame,
    FrameKind,
    pack_told,
    read_result,
    unpack_answer,
    unpack_told,
)
from scribewire.runtime.shared_engine.offer import PROTOCOL, read_offer
from scribewire.runtime.shared_engine.wire import Wire
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.faulty import FailingEngine
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import ScriptedEngine, draw_speech
from tests.parts.engine_hosts import run_host, socket_path, wait_for

WE = {"version": __version__, "protocol": PROTOCOL, "parcel": VERSION}


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_path() as path:
        yield path


@pytest.fixture
def dial(path: Path) -> Iterator[Dial]:
    clients: list[Client] = []

    def connect(hello: dict[str, object] = WE) -> Client:
        clients.append(Client(path, hello))
        return clients[-1]

    yield connect
    for client in clients:
        client.wire.close()


class Client:
    """A server, message by message."""

    def __init__(self, path: Path, hello: dict[str, object]) -> None:
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(str(path))
        self.wire = Wire(connected)
        greeting = self.wire.receive_within(10)
        assert greeting is not None
        self.offer = read_offer(unpack_told(greeting.body))
        self.wire.send(Frame(FrameKind.HELLO, 0, pack_told(hello)))

    def ask(self, number: int, picture: str = "abc", *, is_required: bool = True) -> None:
        samples = draw_speech(picture)
        request = DecodeRequest(
            utterance=number, samples=samples, end_sample=samples.size, is_required=is_required
        )
        (name,) = self.offer.models
        self.wire.send(Frame(FrameKind.ASK, number, AskedCall(name, pack(request)).pack()))

    def next(self) -> tuple[int, str]:
        """Return the number of the next answer, and its text or words."""
        frame = self.wire.receive_within(20)
        assert frame is not None, "it has hung up, or says nothing"
        if frame.kind is FrameKind.ANSWER:
            result = read_result(unpack_answer(frame.body).parcel)
            assert isinstance(result, DecodeResult)
            assert result.hypothesis is not None
            return frame.number, result.hypothesis.text
        return frame.number, str(unpack_told(frame.body))


Dial: TypeAlias = Callable[..., Client]


class Gate:
    """Holds the first batch until it is opened, and tells of each."""

    def __init__(self) -> None:
        self.begun: queue.Queue[int] = queue.Queue()
        self.open = threading.Event()

    def __call__(self, count: int) -> None:
        self.begun.put(count)
        assert self.open.wait(20)


def test_calls_of_several_servers_share_batches_and_servers_take_turns(
    path: Path, dial: Dial
) -> None:
    gate = Gate()
    engine = BatchedEngine(gate)
    with run_host(engine, path) as host:
        one, other = dial(), dial()
        one.ask(0)
        gate.begun.get(timeout=20)
        for number in range(1, 17):  # as many as it may have there
            one.ask(number)
        for number in (101, 102):
            other.ask(number)
        wait_for(lambda: host.waiting_calls == 18)

        gate.open.set()
        answers = [one.next()[0] for _ in range(17)]
        others = [other.next()[0] for _ in range(2)]

    assert answers == list(range(17))
    assert others == [101, 102]
    assert engine.batches[0] == [0]
    assert engine.batches[1][:4] == [101, 1, 102, 2]
    assert [len(batch) for batch in engine.batches] == [1, 16, 2]


def test_finals_of_one_go_before_partials_of_another(path: Path, dial: Dial) -> None:
    gate = Gate()
    engine = BatchedEngine(gate)
    with run_host(engine, path) as host:
        one, other = dial(), dial()
        one.ask(0)
        gate.begun.get(timeout=20)
        one.ask(1, is_required=False)
        wait_for(lambda: host.waiting_calls == 1)
        other.ask(101)
        wait_for(lambda: host.waiting_calls == 2)

        gate.open.set()
        assert [one.next()[0], other.next()[0], one.next()[0]] == [0, 101, 1]

    assert engine.batches == [[0], [101], [1]]


def test_a_server_that_goes_takes_its_calls_with_it_and_no_other_ones(
    path: Path, dial: Dial
) -> None:
    gate = Gate()
    engine = BatchedEngine(gate)
    with run_host(engine, path) as host:
        leaving, staying = dial(), dial()
        leaving.ask(0)
        gate.begun.get(timeout=20)
        for number in range(1, 9):
            leaving.ask(number)
        staying.ask(100)
        wait_for(lambda: host.waiting_calls == 9)

        leaving.wire.close()
        wait_for(lambda: host.servers == 1)
        gate.open.set()

        assert staying.next() == (100, "abc")
    assert engine.batches == [[0], [100]]


def test_who_asks_for_more_than_it_may_is_cut_off(path: Path, dial: Dial) -> None:
    gate = Gate()
    with run_host(BatchedEngine(gate), path) as host:
        client, other = dial(), dial()
        for number in range(client.offer.credit + 2):
            client.ask(number)

        wait_for(lambda: host.servers == 1)
        gate.open.set()
        other.ask(0)
        assert other.next() == (0, "abc")


@pytest.mark.parametrize(
    "said",
    [
        Frame(FrameKind.ANSWER, 1, b""),
        Frame(FrameKind.HELLO, 1, b""),
    ],
)
def test_who_says_what_no_server_says_is_cut_off(path: Path, dial: Dial, said: Frame) -> None:
    with run_host(ScriptedEngine(), path) as host:
        client = dial()
        client.wire.send(said)

        assert client.wire.receive_within(20) is None
        wait_for(lambda: host.servers == 0)


def test_a_server_of_another_version_is_cut_off(
    path: Path, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    with run_host(ScriptedEngine(), path):
        client = dial({**WE, "version": "9.9"})

        assert client.wire.receive_within(20) is None
    assert "! a server is cut off: the server is Scribewire 9.9" in caplog.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "a call without a request"),
        (AskedCall("ScriptedEngine", b"junk").pack(), "not a request or a result"),
        (
            AskedCall(
                "whisper",
                pack(
                    DecodeRequest(
                        utterance=0, samples=draw_speech("a"), end_sample=512, is_required=True
                    )
                ),
            ).pack(),
            "no model whisper",
        ),
    ],
)
def test_what_cannot_be_run_is_told_and_the_server_stays(
    path: Path, dial: Dial, body: bytes, words: str
) -> None:
    with run_host(ScriptedEngine(), path):
        client = dial()
        client.wire.send(Frame(FrameKind.ASK, 5, body))

        number, told = client.next()
        client.ask(6)

        assert number == 5
        assert words in told
        assert client.next() == (6, "abc")


def test_an_engine_that_raises_fails_its_call_alone(path: Path, dial: Dial) -> None:
    with run_host(FailingEngine(), path):
        client = dial()
        client.ask(1, "x")
        client.ask(2, "abc")

        assert client.next()[1] == "{'words': 'ValueError: secret internals'}"
        assert client.next() == (2, "abc")


@pytest.mark.slow
def test_a_call_that_hangs_is_told_after_a_while(path: Path, dial: Dial) -> None:
    gate = Gate()
    with run_host(BatchedEngine(gate), path, max_call_s=0.5):
        client = dial()
        client.ask(1)

        number, told = client.next()

        gate.open.set()
        assert number == 1
        assert "an engine did not answer within 0.5 s" in told
        client.ask(2)
        assert client.next() == (2, "abc")


def test_a_model_is_loaded_once_however_many_ask(path: Path, dial: Dial) -> None:
    model = ScriptedModel()
    with run_host(scripted_on_demand(model.load), path):
        clients = [dial() for _ in range(3)]
        for client in clients:
            client.wire.send(Frame(FrameKind.LOAD, 1, b"letters"))

        told = [client.next() for client in clients]
        clients[0].wire.send(Frame(FrameKind.LOAD, 2, b"other"))

        assert told == [(1, "{'device': 'cpu'}")] * 3
        assert "no model other" in clients[0].next()[1]
    assert model.loads == 1


def test_voices_are_told_apart_there_too(path: Path, dial: Dial) -> None:
    with run_host(ScriptedEngine(), path):
        client = dial()
        request = EmbeddingRequest(utterance=0, samples=draw_speech("abc"))
        client.wire.send(Frame(FrameKind.ASK, 3, AskedCall("", pack(request)).pack()))

        frame = client.wire.receive_within(20)

        assert client.offer.voices == "letters"
        assert frame is not None
        assert frame.kind is FrameKind.ANSWER


def test_what_others_take_is_told_with_each_answer(path: Path, dial: Dial) -> None:
    with run_host(ScriptedEngine(), path) as host:
        one, other = dial(), dial()
        for number in range(3):
            other.ask(number, "abcdef" * 20)
            other.next()
        one.ask(0)
        frame = one.wire.receive_within(20)

        assert frame is not None
        answered = unpack_answer(frame.body)
        assert answered.busy_s > 0
        assert 0 < answered.others_share < 1
        assert host.offer.capacity == 1


def test_partials_of_others_take_nothing_from_the_room_for_sessions(path: Path, dial: Dial) -> None:
    with run_host(ScriptedEngine(), path):
        one, other = dial(), dial()
        for number in range(3):
            other.ask(number, "abcdef" * 20, is_required=False)
            other.next()
        one.ask(0)
        frame = one.wire.receive_within(20)

    assert frame is not None
    assert unpack_answer(frame.body).others_share == 0
