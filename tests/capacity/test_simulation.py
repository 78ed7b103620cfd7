from __future__ import annotations

from scribewire.capacity.simulation import Machine, Simulation
from scribewire.testing.scripted import ScriptedEngine

MACHINE = Machine(workers=2, final_s=0.26, partial_s=0.12, embedding_s=0.14, vad_s=0.01)
ENGINE = ScriptedEngine()


def test_more_streams_make_finals_later() -> None:
    latencies = []
    for streams in (5, 15, 30):
        simulation = Simulation(MACHINE)
        for _ in range(streams):
            simulation.speak(ENGINE)
        simulation.clock.run_until(60)
        latencies.append(simulation.p95_s(since_s=0))

    assert latencies == sorted(latencies)
    assert latencies[0] < 0.7
    assert latencies[-1] > 3


def test_no_more_calls_run_side_by_side_than_there_are_workers() -> None:
    simulation = Simulation(MACHINE)
    for _ in range(40):
        simulation.speak(ENGINE)

    simulation.clock.run_until(60)

    assert 1.9 * 60 < simulation.workers.busy_s <= 2 * 60 + 4


def test_more_streams_see_fewer_partials() -> None:
    intervals = []
    for streams in (1, 20, 30):
        simulation = Simulation(MACHINE)
        assert simulation.partial_interval_s(since_s=0) == 0
        for _ in range(streams):
            simulation.speak(ENGINE)
        simulation.clock.run_until(60)
        intervals.append(simulation.partial_interval_s(since_s=0))

    assert intervals == sorted(intervals)
    assert 0.5 <= intervals[0] < 1
    assert intervals[-1] > 2


def test_files_take_only_what_is_left() -> None:
    latencies = []
    for files in (0, 4):
        simulation = Simulation(MACHINE)
        for _ in range(6):
            simulation.speak(ENGINE)
        for _ in range(files):
            simulation.push_file(ENGINE)
        simulation.clock.run_until(60)
        latencies.append(simulation.p95_s(since_s=0))
        assert (simulation.scheduler.load().ahead_share > 0.1) == bool(files)

    assert latencies[1] < latencies[0] + MACHINE.final_s * 2


def test_the_same_lots_give_the_same_minutes() -> None:
    finals = []
    for _ in range(2):
        simulation = Simulation(MACHINE, seed=7)
        simulation.speak(ENGINE)
        simulation.clock.run_until(30)
        finals.append(simulation.final_latencies)

    assert finals[0] == finals[1] != []
