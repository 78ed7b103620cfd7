from __future__ import annotations

import queue
import threading
import time

import pytest

from scribewire.engines.engines import Engines
from scribewire.errors import ServerFault
from scribewire.recognition.requests import DecodeRequest, DecodeResult
from scribewire.runtime.batch_pool import BatchPool, Waiting
from scribewire.runtime.batch_runners import BatchRunners
from scribewire.runtime.workers import Outcome
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_speech


class Owner:
    """Puts nothing into the pool by itself, and notes what it is told."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[str, Outcome]] = queue.Queue()

    def refill(self, pool: BatchPool[str]) -> float | None:
        return None

    def receive(self, item: str, outcome: Outcome, busy_s: float) -> None:
        assert busy_s >= 0
        self.told.put((item, outcome))

    def give_up(self, item: str, fault: ServerFault) -> None:
        self.told.put((item, fault))


def start(owner: Owner, engine: ScriptedEngine, *, max_call_s: float = 30.0) -> BatchRunners[str]:
    runners = BatchRunners[str](
        Engines(ScriptedVad(), (engine,)),
        BatchPool[str](window_s=0.0, most=8),
        owner,
        name="test",
        count=1,
        max_call_s=max_call_s,
    )
    runners.start()
    return runners


def call(item: str, engine: ScriptedEngine, *, owner: str = "one") -> Waiting[str]:
    samples = draw_speech(item)
    request = DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)
    return Waiting(
        item=item, owner=owner, request=request, speech=engine, key=1, since=time.monotonic()
    )


def text_of(outcome: Outcome) -> str | None:
    assert isinstance(outcome, DecodeResult)
    return None if outcome.hypothesis is None else outcome.hypothesis.text


def test_what_was_put_is_run_and_told_and_what_was_dropped_is_not() -> None:
    has_begun, release = threading.Event(), threading.Event()

    def take(_count: int) -> None:
        has_begun.set()
        assert release.wait(10)

    owner, engine = Owner(), BatchedEngine(take)
    runners = start(owner, engine)
    runners.put(call("a", engine))
    assert has_begun.wait(10)
    for item, whose in (("b", "gone"), ("c", "one"), ("d", "gone"), ("e", "two")):
        runners.put(call(item, engine, owner=whose))

    runners.drop("gone")
    release.set()

    told = [owner.told.get(timeout=10) for _ in range(3)]
    runners.stop()
    runners.join(10)
    assert [(item, text_of(outcome)) for item, outcome in told] == [(x, x) for x in "aec"]
    assert [len(batch) for batch in engine.batches] == [1, 2]
    assert not [t for t in threading.enumerate() if t.name.startswith("engine-test")]


@pytest.mark.slow
def test_all_of_a_batch_that_hangs_are_given_up_once(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    owner = Owner()
    engine = BatchedEngine(lambda _count: release.wait(10))
    runners = start(owner, engine, max_call_s=0.5)
    runners.put(call("a", engine))

    item, fault = owner.told.get(timeout=10)
    release.set()
    runners.put(call("b", engine))
    later, outcome = owner.told.get(timeout=10)

    runners.stop()
    runners.join(10)
    assert (item, str(fault)) == ("a", "an engine did not answer within 0.5 s")
    assert (later, text_of(outcome)) == ("b", "b")
    assert owner.told.empty()
    assert "! an engine call did not come back within 0.5 s" in caplog.messages
