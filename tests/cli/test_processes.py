from __future__ import annotations

import pytest

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.processes import check_settings, own_settings, parts_of
from scribewire.runtime.cores import CoreShare, available_cores
from scribewire.server.siblings import making_board
from scribewire.settings import Settings

SHARE = CoreShare(2, frozenset({0, 1}))


def test_each_process_has_its_own_metrics_and_its_share_of_cores_and_sessions() -> None:
    settings = Settings(processes=3, metrics_port=9464, max_sessions=8, keys=("k",))

    own = [own_settings(settings, number, SHARE) for number in range(3)]

    assert [one.metrics_port for one in own] == [9464, 9465, 9466]
    assert [one.max_sessions for one in own] == [3, 3, 2]
    assert {one.workers for one in own} == {2}
    assert {one.processes for one in own} == {1}
    assert {one.keys for one in own} == {("k",)}


def test_what_was_chosen_for_each_stays() -> None:
    settings = Settings(processes=2, workers=5, metrics_port=0)

    own = own_settings(settings, 1, SHARE)

    assert (own.workers, own.metrics_port, own.max_sessions) == (5, 0, None)


def test_what_a_process_is_told_are_the_settings_that_it_reads() -> None:
    settings = Settings(
        processes=2, keys=("one", "two"), languages=("en", "nl"), allow_origin=("*",)
    )
    with making_board(2) as board:
        parts = parts_of(settings, 7, board)

    read = [Settings.model_validate(part.settings) for part in parts]
    shared = {"workers": None, "processes": 2}
    assert [one.model_copy(update=shared) for one in read] == [settings, settings]
    assert [(part.number, part.count, part.listening) for part in parts] == [(0, 2, 7), (1, 2, 7)]


def test_more_processes_than_cores_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    count = available_cores() + 1
    with making_board(count) as board:
        parts_of(Settings(processes=count), 7, board)

    assert f"{count} server processes share {available_cores()} cores" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            Settings(processes=4, metrics_port=65_533),
            "--metrics-port 65533: each of 4 processes takes the next one; expected 65532 at most",
        ),
        (
            Settings(processes=4, max_sessions=3),
            "--max-sessions 3: expected one or more for each of 4 processes",
        ),
    ],
)
def test_what_leaves_nothing_for_each_is_refused(settings: Settings, words: str) -> None:
    with pytest.raises(CommandFault) as raised:
        check_settings(settings)

    assert (str(raised.value), raised.value.code) == (words, ExitCode.USAGE)
