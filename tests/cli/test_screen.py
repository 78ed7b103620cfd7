from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

from scribewire.cli.exits import CommandFault
from scribewire.cli.screen import Screen, is_terminal

LONG = "It was the best of times, it was the worst of times. It was the age of wisdom."


class FakeTerminal(io.StringIO):
    """A terminal that knows what is on it: text, line breaks, cursor up, erase line."""

    def isatty(self) -> bool:
        return True

    @property
    def rows(self) -> list[str]:
        """What a person sees, without the empty rows at the end."""
        rows, row, column = [""], 0, 0
        for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]", self.getvalue()):
            match token:
                case "\n":
                    row, column = row + 1, 0
                    rows += [""] * (row + 1 - len(rows))
                case "\r":
                    column = 0
                case "\x1b[2K":
                    rows[row] = ""
                case _ if move := re.fullmatch(r"\x1b\[(\d+)A", token):
                    row -= int(move[1])
                case _ if len(token) == 1:
                    rows[row] = rows[row][:column].ljust(column) + token + rows[row][column + 1 :]
                    column += 1
        text = "\n".join(line.rstrip() for line in rows).rstrip("\n")
        return text.split("\n") if text else []


@pytest.fixture
def terminal() -> FakeTerminal:
    return FakeTerminal()


def test_a_pipe_gets_plain_lines_of_what_is_for_good() -> None:
    out, err = io.StringIO(), io.StringIO()

    with Screen(out, err, duration_ms=9000) as screen:
        screen.show(None, "so it")
        screen.show_progress(4000)
        screen.show("So it is.", "")

    assert (out.getvalue(), err.getvalue()) == ("So it is.\n", "")


def test_a_bar_is_drawn_beside_a_file_but_not_beside_a_pipe(
    terminal: FakeTerminal, tmp_path: Path
) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "w") as pipe, Screen(pipe, terminal, duration_ms=9000) as screen:
        screen.show_progress(4000)
        screen.show("So it is.", "")
    assert (os.read(read_end, 99), terminal.getvalue()) == (b"So it is.\n", "")
    os.close(read_end)

    with (
        (tmp_path / "a.txt").open("w") as file,
        Screen(file, terminal, duration_ms=9000, title="1/2 [b]talk.mp3", size=(60, 12)) as screen,
    ):
        screen.show_progress(4000)
        assert terminal.rows[0].startswith("1/2 [b]talk.mp3 ")
        assert terminal.rows[0].endswith("0:04 of 0:09")


def test_a_full_disk_is_a_fault_of_the_command() -> None:
    with (
        contextlib.suppress(OSError),  # of what is still in the buffer
        open("/dev/full", "w") as full,  # noqa: PTH123 - a device
        Screen(full, io.StringIO()) as screen,
        pytest.raises(CommandFault, match=r"^/dev/full: No space left on device$"),
    ):
        screen.show("So it is.", "")


def test_the_live_text_is_dim_and_becomes_the_final_in_place(terminal: FakeTerminal) -> None:
    with Screen(terminal, io.StringIO(), size=(40, 12)) as screen:
        screen.show(None, "so it")
        assert "\x1b[2mso it" in terminal.getvalue()
        assert terminal.rows == ["so it"]

        screen.show("So it is.", "")
        screen.show(None, "and")
        assert terminal.rows == ["So it is.", "and"]

    assert terminal.rows == ["So it is."]


def test_long_text_is_wrapped_between_words_and_redrawn_whole(terminal: FakeTerminal) -> None:
    wrapped = [
        "It was the best of times, it was the",
        "worst of times. It was the age of",
        "wisdom.",
    ]

    with Screen(terminal, io.StringIO(), size=(40, 12)) as screen:
        for end in range(10, len(LONG) + 1):
            screen.show(None, LONG[:end])
        assert terminal.rows == wrapped

        screen.show(LONG, "")
        assert terminal.rows == wrapped


def test_live_text_higher_than_the_terminal_shows_its_latest_words(terminal: FakeTerminal) -> None:
    with Screen(terminal, io.StringIO(), size=(20, 4)) as screen:
        screen.show(None, LONG)

        assert terminal.rows == ["was the age of", "wisdom."]


def test_json_stays_one_line_on_a_narrow_terminal(terminal: FakeTerminal) -> None:
    line = '{"text":"' + LONG + '","is_final":true,"offset_ms":1500}'

    with Screen(
        terminal, FakeTerminal(), duration_ms=9000, has_live_text=False, size=(40, 12)
    ) as screen:
        screen.show(line, "")
        screen.show_progress(9000)

    assert terminal.rows == [line]


def test_the_progress_stands_below_the_live_text_on_one_terminal(terminal: FakeTerminal) -> None:
    err = FakeTerminal()

    with Screen(terminal, err, duration_ms=65_000, size=(40, 12)) as screen:
        screen.show_progress(32_500)
        screen.show(None, "so it")
        assert [row.strip("━╸╺ ") for row in terminal.rows] == ["so it", "0:32 of 1:05"]

        screen.show("So it is.", "")
        assert terminal.rows[0] == "So it is."

    assert terminal.rows == ["So it is."]
    assert err.getvalue() == ""


def test_the_progress_is_on_stderr_when_only_that_is_a_terminal(terminal: FakeTerminal) -> None:
    out = io.StringIO()

    with Screen(out, terminal, duration_ms=65_000, size=(40, 12)) as screen:
        screen.show(None, "so it")
        screen.show("So it is.", "")
        screen.show_progress(99_000)
        assert terminal.rows[0].endswith("1:05 of 1:05")

    assert (out.getvalue(), terminal.rows) == ("So it is.\n", [])


def test_a_bar_is_not_drawn_for_every_chunk(terminal: FakeTerminal) -> None:
    with Screen(io.StringIO(), terminal, duration_ms=3_600_000, size=(40, 12)) as screen:
        before = len(terminal.getvalue())
        screen.show_progress(200)

        assert len(terminal.getvalue()) == before


@pytest.mark.parametrize(
    ("stream", "term", "expected"),
    [
        (FakeTerminal(), "xterm", True),
        (FakeTerminal(), "dumb", False),
        (io.StringIO(), "xterm", False),
    ],
    ids=["a terminal", "one that cannot be redrawn", "a pipe"],
)
def test_what_counts_as_a_terminal(
    stream: io.StringIO, term: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)

    assert is_terminal(stream) is expected


def test_what_is_told_goes_to_stderr_and_never_into_the_transcript() -> None:
    out, err = io.StringIO(), io.StringIO()

    with Screen(out, err) as screen:
        screen.show("So it is.", "")
        screen.tell("source lost")

    assert (out.getvalue(), err.getvalue()) == ("So it is.\n", "scribewire: source lost\n")


def test_what_is_told_stands_above_the_live_text_of_the_same_terminal(
    terminal: FakeTerminal,
) -> None:
    with Screen(terminal, terminal, size=(40, 12)) as screen:
        screen.show(None, "so it")
        screen.tell("source lost")
        assert terminal.rows == ["scribewire: source lost", "so it"]

    assert terminal.rows == ["scribewire: source lost"]


def test_what_is_told_goes_into_a_log_that_stderr_is_sent_to(terminal: FakeTerminal) -> None:
    err = io.StringIO()

    with Screen(terminal, err, size=(40, 12)) as screen:
        screen.show(None, "so it")
        screen.tell("source lost")

    assert err.getvalue() == "scribewire: source lost\n"
