from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    VadRequest,
    VadResult,
)
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.runtime.shared_engine.offer import describe_models
from scribewire.runtime.shared_engine.place import listen_at
from scribewire.runtime.shared_engine.under_way import LinkAnswer
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.faulty import FailingEngine, StuckEngine
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, draw_speech
from tests.parts.engine_hosts import linked, run_host, socket_path, wait_for

NAME = "ScriptedEngine"
SILENCE = np.zeros(FRAME_SAMPLES, np.float32)


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_path() as path:
        yield path


def final(picture: str = "abc") -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)


def text_of(outcome: object) -> str | None:
    assert isinstance(outcome, DecodeResult), outcome
    assert outcome.hypothesis is not None
    return outcome.hypothesis.text


def test_what_is_asked_is_answered_as_in_this_process(path: Path) -> None:
    engine = ScriptedEngine()
    with run_host(engine, path), linked(engine, path) as link:
        answer = link.ask(NAME, final("abc def"))

    assert answer == ScriptedEngine().decode(final("abc def"))


def test_what_the_engine_raises_comes_back_in_words(path: Path) -> None:
    engine = FailingEngine()
    with run_host(engine, path), linked(engine, path) as link:
        failed = link.ask("FailingEngine", final("x"))
        unknown = link.ask("another", final())

    assert isinstance(failed, ServerFault)
    assert str(failed) == "ValueError: secret internals"
    assert isinstance(unknown, ServerFault)
    assert str(unknown) == "the engine process has no model another"


def test_without_a_process_it_says_how_to_start_one(path: Path) -> None:
    link = EngineLink(path)

    with pytest.raises(ServerFault, match=r"engine process at .*socket: No such file.*--socket"):
        link.connect({})
    assert link.why_down is not None
    assert link.others_share == 1.0


def test_a_process_with_other_models_is_refused(path: Path) -> None:
    other = ScriptedEngine()
    other.traits = replace(SCRIPTED_TRAITS, max_width=1)
    with run_host(ScriptedEngine(), path) as host:
        with pytest.raises(ServerFault, match="max_width is 1 here, 16 there"):
            EngineLink(path).connect(describe_models((other,)))
        wait_for(lambda: host.servers == 0)


class Hold:
    """What a batch takes: it is held until it is let go, and says when it has begun."""

    def __init__(self) -> None:
        self.has_begun, self._release = threading.Event(), threading.Event()
        self.engine = BatchedEngine(self._take)

    def _take(self, _count: int) -> None:
        self.has_begun.set()
        self._release.wait(20)

    def let_go(self) -> None:
        self._release.set()


def test_what_was_under_way_when_the_process_went_is_answered_by_the_next_one(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held, answers = Hold(), queue.Queue[LinkAnswer]()
    with run_host(held.engine, path) as host, linked(held.engine, path) as link:
        for picture in ("abc", "def"):  # one runs, the other waits behind it
            link.submit("BatchedEngine", final(picture), answers.put)
        assert held.has_begun.wait(20)

        host.close(patience_s=0.0)
        wait_for(lambda: link.why_down is not None)
        link.submit("BatchedEngine", final("ghi"), answers.put)
        assert link.others_share == 1.0
        with run_host(BatchedEngine(), path):
            told = [answers.get(timeout=20) for _ in range(3)]
        held.let_go()

    assert {text_of(one.outcome) for one in told} == {"abc", "def", "ghi"}
    assert all(one.busy_s is not None for one in told)
    assert (
        f"! the engine process at {path} has gone; calls wait 60 s for it, and then fail until it "
        "is there again"
    ) in caplog.messages
    assert answers.empty()


def test_a_call_in_which_two_processes_have_gone_is_not_sent_to_a_third(path: Path) -> None:
    first, second = Hold(), Hold()
    answers: queue.Queue[LinkAnswer] = queue.Queue()
    with run_host(first.engine, path) as host, linked(first.engine, path) as link:
        link.submit("BatchedEngine", final(), answers.put)
        assert first.has_begun.wait(20)
        host.close(patience_s=0.0)
        with run_host(second.engine, path) as other:
            assert second.has_begun.wait(20)
            other.close(patience_s=0.0)
            answer = answers.get(timeout=20)
            second.let_go()
        third = BatchedEngine()
        with run_host(third, path):
            wait_for(lambda: link.why_down is None)
            assert text_of(link.ask("BatchedEngine", final("x"))) == "x"
        first.let_go()

    assert str(answer.outcome) == (
        f"the engine process at {path} has gone for the second time in this call, which is not "
        "sent again"
    )
    assert third.batches == [[0]]
    assert answers.empty()


def test_a_process_is_waited_for_no_longer_than_is_said(path: Path) -> None:
    held, answers = Hold(), queue.Queue[LinkAnswer]()
    with (
        run_host(held.engine, path) as host,
        linked(held.engine, path, return_patience_s=0.2) as link,
    ):
        link.submit("BatchedEngine", final(), answers.put)
        assert held.has_begun.wait(20)
        host.close(patience_s=0.0)

        under_way = answers.get(timeout=20)
        later = link.ask("BatchedEngine", final())
        held.let_go()
        with run_host(BatchedEngine(), path):
            wait_for(lambda: link.why_down is None)
            assert text_of(link.ask("BatchedEngine", final())) == "abc"

    words = (
        f"the engine process at {path} has gone; calls wait 0.2 s for it, and then fail until it "
        "is there again"
    )
    assert [str(under_way.outcome), str(later)] == [words] * 2
    assert under_way.busy_s == 0.0
    assert not under_way.is_given_up


def test_what_waits_for_a_process_fails_when_its_server_leaves(path: Path) -> None:
    engine, answers = ScriptedEngine(), queue.Queue[LinkAnswer]()
    with run_host(engine, path) as host, linked(engine, path) as link:
        host.close()
        wait_for(lambda: link.why_down is not None)
        link.submit(NAME, final(), answers.put)

    assert str(answers.get(timeout=20).outcome) == "this server has left the engine process"


def test_a_model_that_was_loaded_is_loaded_again_before_anything_is_asked(path: Path) -> None:
    first, second = ScriptedModel(), ScriptedModel()
    engine = scripted_on_demand(first.load)
    with run_host(engine, path) as host, linked(engine, path) as link:
        assert link.load("letters") == "cpu"
        host.close()
        wait_for(lambda: link.why_down is not None)
        with run_host(scripted_on_demand(second.load), path):
            wait_for(lambda: link.why_down is None)
            assert second.loads == 1
            assert text_of(link.ask("letters", final())) == "abc"

    assert first.loads == 1


def test_a_load_that_fails_is_told(path: Path) -> None:
    model = ScriptedModel()
    model.faults.append(ServerFault("model letters: model.bin is cut"))
    engine = scripted_on_demand(model.load)
    with run_host(engine, path), linked(engine, path) as link:
        with pytest.raises(ServerFault, match=r"model\.bin is cut"):
            link.load("letters")
        assert link.load("letters") == "cpu"


def test_one_that_comes_back_as_another_is_not_used(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = ScriptedEngine()
    with run_host(engine, path) as host, linked(engine, path) as link:
        host.close()
        wait_for(lambda: link.why_down is not None)
        with run_host(engine, path, count=2) as other:
            wait_for(lambda: "other models" in (link.why_down or ""))
            failed = link.ask(NAME, final())
            wait_for(lambda: other.servers == 0)

    assert "restart this server" in str(failed)
    refusals = [text for text in caplog.messages if "has come back with other models" in text]
    assert len(refusals) == 1  # however often it was tried


@pytest.mark.slow
def test_one_that_says_nothing_any_more_is_taken_for_gone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    release = threading.Event()
    engine = BatchedEngine(lambda _count: release.wait(20))
    with run_host(engine, path), linked(engine, path, patience_s=0.4) as link:
        answers: queue.Queue[LinkAnswer] = queue.Queue()
        link.submit("BatchedEngine", final(), answers.put)
        answer = answers.get(timeout=20)
        wait_for(lambda: f"= the engine process at {path} is there again" in caplog.messages)
        release.set()

        assert text_of(link.ask("BatchedEngine", final())) == "abc"

    assert answer.is_given_up
    assert str(answer.outcome) == "the engine process did not answer within 0.4 s"


def test_while_the_process_answers_a_call_there_is_waited_for(path: Path) -> None:
    patience_s = 0.3
    engine = StuckEngine()
    with run_host(engine, path, count=2), linked(engine, path, patience_s=patience_s) as link:
        answers: queue.Queue[LinkAnswer] = queue.Queue()
        link.submit("StuckEngine", final(), answers.put)
        assert engine.has_begun.wait(20)
        until = time.monotonic() + 4 * patience_s
        while time.monotonic() < until:
            assert isinstance(link.ask("", VadRequest(SILENCE, None)), VadResult)
        assert answers.empty()
        engine.release.set()

        assert text_of(answers.get(timeout=20).outcome) == "abc"


def test_a_program_that_is_no_engine_process_is_told(path: Path) -> None:
    listening = listen_at(path)

    def answer() -> None:
        connected, _ = listening.accept()
        with connected:
            connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(ServerFault, match="no message of this version"):
        EngineLink(path).connect({})
    thread.join()
    listening.close()


def test_a_call_that_no_process_takes_fails_alone(path: Path) -> None:
    engine = ScriptedEngine()
    with run_host(engine, path), linked(engine, path) as link:
        hour = replace(final(), samples=draw_speech("a" * 10_000))

        failed = link.ask(NAME, hour)

        assert isinstance(failed, ServerFault)
        assert "an engine process takes up to" in str(failed)
        assert text_of(link.ask(NAME, final())) == "abc"


def test_leaving_frees_what_waits_and_leaves_no_descriptor(path: Path) -> None:
    engine = ScriptedEngine()
    with run_host(engine, path) as host:
        before = descriptors()
        with linked(engine, path) as link:
            assert text_of(link.ask(NAME, final())) == "abc"
        wait_for(lambda: host.servers == 0)
        assert isinstance(link.ask(NAME, final()), ServerFault)
        wait_for(lambda: descriptors() <= before)


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
