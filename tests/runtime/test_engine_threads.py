from __future__ import annotations

import logging
import threading

import pytest

from scribewire.runtime.engine_threads import EngineThreads

AN_HOUR = 3600.0
PATIENCE_S = 20.0


class Hanging:
    """What a thread runs that hangs in its work until it is let go."""

    def __init__(self, threads: EngineThreads[str]) -> None:
        self._threads = threads
        self.began: list[str] = []
        self.left: list[bool] = []
        self.has_begun = threading.Semaphore(0)
        self.may_go = threading.Event()

    def run(self) -> None:
        name = threading.current_thread().name
        with self._threads.news:
            self._threads.enter(name)
        self.began.append(name)
        self.has_begun.release()
        self.may_go.wait(PATIENCE_S)
        self.left.append(self._threads.leave(name))


def end(threads: EngineThreads[str], hanging: Hanging) -> None:
    hanging.may_go.set()
    threads.stop()
    threads.join(PATIENCE_S)


def test_each_has_a_name_of_its_own() -> None:
    threads = EngineThreads[str]("test", max_call_s=AN_HOUR)
    hanging = Hanging(threads)
    for _ in range(2):
        threads.begin(hanging.run)
        assert hanging.has_begun.acquire(timeout=PATIENCE_S)
    end(threads, hanging)

    assert hanging.began == ["engine-test-0", "engine-test-1"]
    assert hanging.left == [True, True]


def test_in_place_of_one_that_hangs_there_is_another() -> None:
    threads = EngineThreads[str]("test", max_call_s=0.01)
    hanging = Hanging(threads)
    given_up: list[str] = []
    has_given_up = threading.Semaphore(0)

    def give_up(work: str) -> bool:
        given_up.append(work)
        has_given_up.release()
        return len(given_up) == 1  # the outcome of the second has come meanwhile

    threads.begin(hanging.run)
    threads.watch(hanging.run, give_up)
    for _ in range(2):
        assert hanging.has_begun.acquire(timeout=PATIENCE_S)
        assert has_given_up.acquire(timeout=PATIENCE_S)
    end(threads, hanging)

    assert given_up == hanging.began == ["engine-test-0", "engine-test-2"]  # 1 watches
    assert hanging.left == [False, False]


def test_once_they_are_stopped_no_other_begins() -> None:
    threads = EngineThreads[str]("test", max_call_s=AN_HOUR)
    hanging = Hanging(threads)
    end(threads, hanging)
    threads.begin(hanging.run)
    threads.join(PATIENCE_S)

    assert threads.are_stopped
    assert hanging.began == []


def test_one_that_hangs_at_the_end_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    threads = EngineThreads[str]("test", max_call_s=AN_HOUR)
    hanging = Hanging(threads)
    threads.begin(hanging.run)
    assert hanging.has_begun.acquire(timeout=PATIENCE_S)
    threads.stop()
    threads.join(0.0)
    end(threads, hanging)

    assert "its thread is left behind" in caplog.text
