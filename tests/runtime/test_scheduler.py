"""What the scheduler decides, seen without a thread: a test fetches the calls by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    Hypothesis,
    Request,
    VadRequest,
    VadResult,
)
from scribewire.runtime.load import MAX_PARTIAL_INTERVAL_S
from scribewire.runtime.scheduler import Scheduler, StreamLane
from scribewire.runtime.workers import Call, CallSource, Outcome
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.scripted import ScriptedEngine

NOW = 1000.0
LATER = NOW + 3600
NOTHING = np.zeros(0, np.float32)
SECOND = np.zeros(31 * FRAME_SAMPLES, np.float32)
ENGINE, OTHER_ENGINE = ScriptedEngine(), ScriptedEngine()
LATE = ServerFault("an engine did not answer")


class Hands:
    """Workers that do nothing by themselves."""

    def __init__(self, capacity: int = 1) -> None:
        self.capacity = capacity
        self.others_share = 0.0
        self.source: CallSource
        self.calls: list[str] = []  # what they were told, in order

    def start(self, source: CallSource) -> None:
        self.source = source

    def wake(self) -> None:
        self.calls.append("wake")

    def stop(self) -> None:
        self.calls.append("stop")

    def join(self, patience_s: float) -> None:
        assert patience_s > 0
        self.calls.append("join")


@dataclass
class Desks:
    """A scheduler with nobody at work, and a clock that stands."""

    capacity: int = 1
    now: float = NOW
    hands: Hands = field(init=False)
    listeners: Hands = field(default_factory=Hands)
    observer: RememberingObserver = field(default_factory=RememberingObserver)

    def __post_init__(self) -> None:
        self.hands = Hands(self.capacity)
        self.scheduler = Scheduler(
            self.hands,
            listeners=self.listeners,
            clock=lambda: self.now,
            observer=self.observer,
        )

    def lane(self, speech: ScriptedEngine = ENGINE) -> tuple[StreamLane, list[Outcome]]:
        outcomes: list[Outcome] = []
        lane = self.scheduler.open_lane(lambda _, outcome: outcomes.append(outcome), speech=speech)
        return lane, outcomes

    def submit(self, *requests: Request, due_at: float = NOW) -> tuple[StreamLane, list[Outcome]]:
        """Submit requests of a stream of its own."""
        lane, outcomes = self.lane()
        for request in requests:
            self.scheduler.submit(lane, request, due_at=due_at)
        return lane, outcomes


def decode(utterance: int = 0, *, is_required: bool = True) -> DecodeRequest:
    return DecodeRequest(
        utterance=utterance, samples=NOTHING, end_sample=0, is_required=is_required
    )


def text(number: int) -> DecodeResult:
    return DecodeResult(Hypothesis(str(number), ()))


async def test_live_finals_come_first_then_partials_then_files_whoever_asked_first() -> None:
    desks = Desks()
    partial, file = decode(1, is_required=False), decode(2)
    voice, final = EmbeddingRequest(utterance=3, samples=NOTHING), decode(4)
    for request, due_at in ((partial, NOW), (file, LATER), (voice, NOW), (final, NOW - 1)):
        desks.submit(request, due_at=due_at)

    calls = desks.hands.source.next_calls(at_most=9)

    assert [call.request for call in calls] == [final, voice, partial, file]
    assert desks.scheduler.waiting_jobs == 0


async def test_a_stream_that_is_set_aside_waits_for_others_and_counts_as_what_may() -> None:
    desks = Desks()
    lost, live = decode(1), decode(2)
    lane, _ = desks.submit(lost, due_at=NOW - 60)
    desks.submit(live)
    desks.scheduler.set_aside(lane)
    source = desks.hands.source

    calls = source.next_calls(at_most=9)
    for call in calls:
        source.receive_outcome(call, text(0))

    assert [call.request for call in calls] == [live, lost]
    assert [note.is_ahead for note in desks.observer.calls] == [False, True]


async def test_taken_up_again_it_is_served_by_when_it_is_due() -> None:
    desks = Desks()
    back, live = decode(1), decode(2)
    desks.submit(live)
    lane, _ = desks.submit(back, due_at=NOW - 60)
    desks.scheduler.set_aside(lane)
    desks.scheduler.take_up(lane)

    calls = desks.hands.source.next_calls(at_most=9)

    assert [call.request for call in calls] == [back, live]


async def test_speech_is_measured_at_a_desk_of_its_own_and_only_its_workers_are_woken() -> None:
    desks = Desks()
    frames = VadRequest(SECOND, None)
    desks.submit(frames)

    assert desks.hands.source.next_calls() == []
    assert [call.request for call in desks.listeners.source.next_calls(at_most=9)] == [frames]
    assert (desks.hands.calls, desks.listeners.calls) == ([], ["wake"])


async def test_several_calls_are_fetched_at_once_and_brought_back_in_any_order() -> None:
    desks = Desks(capacity=4)
    lanes = [desks.submit(decode(number)) for number in range(6)]
    source = desks.hands.source

    batch = source.next_calls(at_most=4)
    assert [c.request.utterance for c in batch if isinstance(c.request, DecodeRequest)] == [
        0,
        1,
        2,
        3,
    ]
    for number in (2, 0, 3, 1):
        assert source.receive_outcome(batch[number], text(number))
    rest = source.next_calls(at_most=4)
    for number, call in enumerate(rest, start=4):
        assert source.receive_outcome(call, text(number))
    await asyncio.sleep(0)

    assert len(rest) == 2
    assert [outcomes for _, outcomes in lanes] == [[text(number)] for number in range(6)]


async def test_each_call_carries_the_engine_of_its_stream() -> None:
    desks = Desks()
    for engine in (ENGINE, OTHER_ENGINE):
        lane, _ = desks.lane(engine)
        desks.scheduler.submit(lane, decode(), due_at=NOW)

    calls = desks.hands.source.next_calls(at_most=2)

    assert [call.speech for call in calls] == [ENGINE, OTHER_ENGINE]


async def test_of_two_partials_the_newer_is_run_and_the_older_answered_with_nothing() -> None:
    desks = Desks()
    older, newer = decode(is_required=False), decode(is_required=False)
    _, outcomes = desks.submit(older, newer)

    calls = desks.hands.source.next_calls(at_most=2)
    await asyncio.sleep(0)

    assert [call.request for call in calls] == [newer]
    assert outcomes == [DecodeResult(None)]


async def test_a_partial_for_which_the_workers_have_no_time_is_worth_waking_for_later() -> None:
    desks = Desks()
    desks.submit(decode())
    (final,) = desks.hands.source.next_calls()
    desks.now += 10.0  # the only worker has done nothing else for long
    desks.hands.source.receive_outcome(final, text(0))
    lane, _ = desks.lane()
    for _ in range(2):
        desks.scheduler.submit(lane, decode(is_required=False), due_at=desks.now)
        taken = desks.hands.source.next_calls()

    assert taken == []
    assert desks.hands.source.wait_s() == MAX_PARTIAL_INTERVAL_S
    desks.now += MAX_PARTIAL_INTERVAL_S
    assert len(desks.hands.source.next_calls()) == 1
    assert desks.hands.source.wait_s() is None


@pytest.mark.parametrize("is_given_up_first", [True, False])
async def test_a_call_is_answered_once_whoever_comes_first(is_given_up_first: bool) -> None:
    desks = Desks()
    _, outcomes = desks.submit(decode())
    source = desks.hands.source
    (call,) = source.next_calls()

    if is_given_up_first:
        verdicts = source.give_up(call, LATE), source.receive_outcome(call, text(0))
    else:
        verdicts = source.receive_outcome(call, text(0)), source.give_up(call, LATE)
    await asyncio.sleep(0)

    assert verdicts == (True, False)
    assert outcomes == [LATE if is_given_up_first else text(0)]
    assert desks.scheduler.stuck_calls == int(is_given_up_first)


async def test_a_call_that_nobody_fetched_here_is_nothing_to_answer() -> None:
    source = Desks().hands.source

    assert not source.receive_outcome(Call(decode(), ENGINE), text(0))


async def test_a_closed_lane_has_nothing_to_fetch_and_hears_of_nothing() -> None:
    desks = Desks()
    lane, outcomes = desks.submit(decode(0), decode(1), VadRequest(SECOND, None))
    source = desks.hands.source
    (begun,) = source.next_calls()

    desks.scheduler.close_lane(lane)
    desks.scheduler.close_lane(lane)

    assert source.next_calls(at_most=9) == desks.listeners.source.next_calls() == []
    assert source.receive_outcome(begun, text(0))
    await asyncio.sleep(0)
    assert outcomes == []


async def test_a_lane_that_closes_before_its_loop_has_told_it_hears_of_nothing() -> None:
    desks = Desks()
    lane, outcomes = desks.submit(decode())
    (call,) = desks.hands.source.next_calls()

    desks.hands.source.receive_outcome(call, text(0))
    desks.scheduler.close_lane(lane)
    await asyncio.sleep(0)

    assert outcomes == []


async def test_closing_drops_what_waits_and_takes_what_still_comes() -> None:
    desks = Desks()
    _, outcomes = desks.submit(decode(0), decode(1), VadRequest(SECOND, None))
    (begun,) = desks.hands.source.next_calls()
    told_before = [len(workers.calls) for workers in (desks.hands, desks.listeners)]

    desks.scheduler.close()

    assert desks.scheduler.waiting_jobs == 0
    assert desks.hands.source.next_calls() == []
    assert desks.hands.source.receive_outcome(begun, text(0))
    await asyncio.sleep(0)
    assert outcomes == [text(0)]
    for workers, count in zip((desks.hands, desks.listeners), told_before, strict=True):
        assert workers.calls[count:] == ["stop", "join"]


async def test_what_calls_took_is_told_apart_and_what_was_given_up_is_not_counted() -> None:
    desks = Desks()
    work: list[tuple[Request, float]] = [
        (decode(), NOW),
        (decode(is_required=False), NOW),
        (decode(), LATER),
        (VadRequest(SECOND, None), NOW),
    ]
    for request, due_at in work:
        desks.submit(request, due_at=due_at)
        hands = desks.listeners if isinstance(request, VadRequest) else desks.hands
        (call,) = hands.source.next_calls()
        desks.now += 0.5
        hands.source.receive_outcome(call, VadResult((), None))
    desks.submit(decode())
    desks.hands.source.give_up(desks.hands.source.next_calls()[0], LATE)

    load = desks.scheduler.load()

    assert load.final_call_s == 0.5
    assert load.required_share == pytest.approx(0.1 * (np.exp(-1.5 / 5) + 1))
    assert load.partial_share == pytest.approx(0.1 * np.exp(-1.0 / 5))
    assert load.ahead_share == pytest.approx(0.1 * np.exp(-0.5 / 5))
    assert load.live_streams == pytest.approx(31 * FRAME_SAMPLES / 16_000 / 5)


async def test_the_observer_is_told_what_each_call_took_and_how_long_it_waited() -> None:
    desks = Desks()
    desks.submit(decode())
    desks.submit(decode(is_required=False), due_at=LATER)
    desks.now += 0.25
    final, file = desks.hands.source.next_calls(at_most=2)
    desks.now += 0.5
    desks.hands.source.receive_outcome(final, text(0))
    desks.hands.source.receive_outcome(file, LATE)

    of_final, of_file = desks.observer.calls
    assert (of_final.kind, of_final.speech, of_final.is_ahead) == ("final", ENGINE, False)
    assert (of_final.waited_s, of_final.busy_s, of_final.has_failed) == (0.25, 0.5, False)
    assert (of_file.kind, of_file.is_ahead, of_file.has_failed) == ("partial", True, True)


async def test_the_observer_is_not_told_twice_of_a_call_that_was_given_up() -> None:
    desks = Desks()
    desks.submit(decode())
    (call,) = desks.hands.source.next_calls()
    desks.hands.source.give_up(call, LATE)

    assert not desks.hands.source.receive_outcome(call, text(0))
    assert desks.observer.calls == []
