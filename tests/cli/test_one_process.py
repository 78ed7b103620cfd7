from __future__ import annotations

import io
import os
import socket
import subprocess
import sys

import pytest

from scribewire.cli.exits import ExitCode
from scribewire.cli.one_process import ProcessPart, read_part, say
from scribewire.server.siblings import Board, making_board
from scribewire.settings import Settings

SETTINGS = Settings(keys=("planted-key",)).model_dump(mode="json")


def part(board: Board | None = None, *, listening: int = 7, **settings: object) -> ProcessPart:
    return ProcessPart(
        settings={**SETTINGS, **settings},
        number=0,
        count=1,
        workers=1,
        bound_to=None,
        listening=listening,
        board=-1 if board is None else board.descriptor,
    )


def test_what_a_process_is_told_first_is_read_and_no_more() -> None:
    reading, writing = os.pipe()
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        with io.FileIO(writing, "wb") as told:
            told.write(part().written() + b"drain\n")
            read, rest = read_part(), os.read(0, 100)
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)

    assert read == part()
    assert rest == b"drain\n"


def test_nobody_who_listens_any_more_is_no_fault() -> None:
    before = os.dup(1)
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    try:
        say("listening")
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(writing)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("log_format", "words"),
    [("text", b"scribewire: "), ("json", b'"event": "cannot_serve"')],
)
def test_why_it_cannot_serve_is_told(
    log_format: str, words: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nothing = str(tmp_path_factory.mktemp("models"))
    with making_board(1) as board, socket.create_server(("127.0.0.1", 0)) as listening:
        told = part(board, listening=listening.fileno(), model_dir=nothing, log_format=log_format)
        ended = subprocess.run(
            [sys.executable, "-m", "scribewire.cli.one_process"],
            input=told.written(),
            pass_fds=(listening.fileno(), board.descriptor),
            capture_output=True,
            check=False,
        )

    assert ended.returncode == ExitCode.FAILED
    assert ended.stdout == b""
    assert words in ended.stderr
    assert b"no such file" in ended.stderr
    assert b"planted" not in ended.stderr
