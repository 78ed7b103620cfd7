from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.one_process import ProcessPart
from scribewire.cli.supervisor import Supervisor
from scribewire.server.ending import ENDING_SIGNALS
from scribewire.server.siblings import Board, making_board

READY = "print('listening', flush=True)"

pytestmark = pytest.mark.slow


@pytest.fixture
def board() -> Iterator[Board]:
    with making_board(2) as board:
        yield board


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in ENDING_SIGNALS}
    yield
    for one, what in before.items():
        signal.signal(one, what)


def supervisor(board: Board, program: str) -> Supervisor:
    """Keep two processes that run a program, which is told its part as `part`."""
    parts = [
        ProcessPart(
            settings={},
            number=number,
            count=2,
            workers=1,
            bound_to=None,
            listening=board.descriptor,
            board=board.descriptor,
        )
        for number in range(2)
    ]
    begin = "import json, sys, time; part = json.loads(sys.stdin.readline())\n"
    return Supervisor(parts, board, (sys.executable, "-c", begin + program))


def obeying(orders: Sequence[str] = ("drain", "hurry", "cut off")) -> str:
    """Return a program that ends at one of these orders, or when nobody gives any more."""
    return f"{READY}\nfor line in sys.stdin:\n    if line.strip() in {list(orders)}: break\n"


async def test_all_that_listen_are_announced_once(board: Board) -> None:
    announced: list[None] = []

    def announce() -> None:
        announced.append(None)
        os.kill(os.getpid(), signal.SIGTERM)

    code = await supervisor(board, obeying()).run(announce)

    assert (len(announced), code) == (1, ExitCode.DONE)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("sys.exit(3)", 3),
        (f"part['number'] or {READY}; part['number'] and sys.exit(4)\n{obeying()}", 4),
        ("import os; os.kill(os.getpid(), 9)", ExitCode.FAILED),
        ("sys.exit(0)", ExitCode.FAILED),
    ],
    ids=["the first", "the second", "by a signal", "without a word"],
)
async def test_where_one_cannot_be_started_there_is_no_server(
    board: Board, program: str, code: int
) -> None:
    announced: list[None] = []

    ended = await supervisor(board, program).run(lambda: announced.append(None))

    assert (ended, announced) == (code, [])


async def test_a_program_that_is_not_there_is_told(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    kept = supervisor(board, "")
    missing = Supervisor(kept._parts[:1], board, ("/nowhere/at-all",))  # noqa: SLF001 - the same parts

    assert await missing.run(lambda: None) == ExitCode.FAILED
    assert "cannot be started: No such file" in caplog.text


async def test_where_it_cannot_be_announced_all_of_them_end(board: Board) -> None:
    def fail() -> None:
        raise CommandFault("nobody reads it")

    with pytest.raises(CommandFault, match="nobody reads it"):
        await supervisor(board, obeying(["hurry"])).run(fail)


async def test_one_that_has_died_is_started_again(
    board: Board, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    # The second dies once it is announced; started again, it says that an operator wants an end.
    announced = tmp_path / "announced"
    dies = (
        f"import os\nis_known = lambda: os.path.exists({str(announced)!r})\n"
        f"is_first = part['number'] == 1 and not is_known()\n{READY}\n"
        "while is_first and not is_known(): time.sleep(0.01)\n"
        "if is_first: sys.exit(5)\n"
        "if part['number']: print('drained', flush=True)\n"
    )

    code = await supervisor(board, dies + obeying(["drain"])).run(announced.touch)

    assert code == ExitCode.DONE
    assert "server process 2 has ended with 5: started again in 0.5 s" in caplog.text


async def test_those_that_are_still_starting_end_at_once(board: Board, tmp_path: Path) -> None:
    started, announced = tmp_path / "started", list[None]()

    async def end_it() -> None:
        while not started.exists():  # noqa: ASYNC110 - another process cannot set an Event
            await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = asyncio.create_task(end_it())
    loads = f"open({str(started)!r}, 'w').close(); time.sleep(60)"
    async with asyncio.timeout(20):
        code = await supervisor(board, loads).run(lambda: announced.append(None))
        await ending

    assert (code, announced) == (ExitCode.DONE, [])


async def test_who_sends_a_third_signal_waits_for_nothing(board: Board) -> None:
    kept = supervisor(board, f"{READY}\nwhile True: time.sleep(60)\n")

    def announce() -> None:
        loop = asyncio.get_running_loop()
        for at in range(3):
            loop.call_later(0.1 * at, os.kill, os.getpid(), signal.SIGTERM)

    async with asyncio.timeout(20):
        assert await kept.run(announce) == ExitCode.TERMINATED
