from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import get_args

import pytest

from scribewire.cli.app import main
from scribewire.cli.captions import Captions, TranscriptFormat
from scribewire.cli.exits import ExitCode
from scribewire.journal.segment import JournalSegment
from scribewire.protocol.results import as_result
from tests.parts.journaled import ended, final, head, said

NAME = "20251128T000000000000Z-01234567.journal"


class Shell:
    """Runs `scribewire sessions` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self.folder = folder

    def run(self, *arguments: str) -> tuple[object, str, str]:
        """Return the exit code, and what is printed on both."""
        with pytest.raises(SystemExit) as ended:
            main(["sessions", *arguments, "--journal", str(self.folder)])
        said = self._capsys.readouterr()
        return ended.value.code, said.out, said.err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    of = head()
    segment = JournalSegment(tmp_path / NAME)
    segment.write([*said(of, 1, 2), ended(of), *said(head("0pen"), 1)])
    segment.close()
    return Shell(capsys, tmp_path)


def change(shell: Shell, statement: str) -> None:
    database = sqlite3.connect(shell.folder / NAME)
    database.execute(statement)
    database.commit()
    database.close()


def test_sessions_are_listed(shell: Shell) -> None:
    code, out, err = shell.run("list")

    assert (code, err) == (ExitCode.DONE, "")
    assert out.splitlines() == [
        "ID    BEGAN                 LANGUAGE  LENGTH  FINALS  STATE",
        "5e55  2025-11-28T00:00:00Z  en        0:08    2       complete",
        "0pen  2025-11-28T00:00:00Z  en        0:04    1       cut off",
    ]


def test_sessions_are_listed_for_programs(shell: Shell) -> None:
    code, out, _ = shell.run("list", "--format", "json")
    first, second = json.loads(out)["sessions"]

    assert code == ExitCode.DONE
    assert first == {
        "id": "5e55",
        "state": "complete",
        "began_at": "2025-11-28T00:00:00Z",
        "written_at": "2025-11-28T00:01:00Z",
        "language": "en",
        "type": "fast",
        "path": "/v2/realtime",
        "source_host": None,
        "key": "",
        "length_ms": 8000,
        "received_bytes": 256_005,
        "finals": 2,
        "missing_finals": 0,
    }
    assert second["state"] == "cut off"


@pytest.mark.parametrize("kind", get_args(TranscriptFormat))
def test_a_session_is_written_as_transcribe_would(shell: Shell, kind: TranscriptFormat) -> None:
    captions = Captions(kind, times=False, speakers=False)
    pieces = [captions.begin()]
    pieces += [captions.receive(as_result(final(number).final)) for number in (1, 2)]
    expected = "".join(f"{one}\n" for one in [*pieces, captions.finish()] if one is not None)
    names = {"text": ("text", "txt"), "json": ("jsonl",)}.get(kind, (kind,))

    for name in names:
        assert shell.run("export", "5e55", "--format", name) == (ExitCode.DONE, expected, "")


def test_as_one_object_it_has_what_is_known_and_what_was_said(shell: Shell) -> None:
    _, out, _ = shell.run("export", "5e55", "--format", "json")
    told = json.loads(out)

    assert told["session"]["id"] == "5e55"
    assert [one["number"] for one in told["finals"]] == [1, 2]
    assert told["finals"][0]["text"] == "Number 1, «ça»."


def test_who_speaks_and_when_is_written_if_it_is_asked_for(shell: Shell) -> None:
    _, out, _ = shell.run("export", "5e55", "--times", "--speakers")

    assert out == "[0:04] Speaker 2: Number 1, «ça».\n[0:08] Speaker 2: Number 2, «ça».\n"


def test_it_is_written_into_a_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "said.srt"
    code, out, _ = shell.run("export", "5e55", "--format", "srt", "--output", str(file))

    assert (code, out) == (ExitCode.DONE, "")
    assert file.read_text("utf-8").startswith("1\n00:00:04,000 --> ")


def test_what_cannot_be_read_is_told_and_the_rest_is_written(shell: Shell) -> None:
    change(shell, "UPDATE finals SET crc = crc + 1 WHERE session = 1 AND number = 1")
    (shell.folder / NAME.replace("0", "1", 1)).write_text("no database")
    code, out, err = shell.run("export", "5e55")

    assert (code, out) == (ExitCode.FAILED, "Number 2, «ça».\n")
    assert "1 of the finals of session 5e55 are damaged and left out" in err
    assert "1 finals of session 5e55 are not there" in err
    assert "file is not a database" in err
    assert shell.run("list")[0] == ExitCode.FAILED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "unknown"), "no session unknown in the journal"),
        (("export", "5e55", "--format", "srt", "--times"), "--times: only with --format text"),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    shell: Shell, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = shell.run(*arguments)

    assert (code, out) == (ExitCode.USAGE, "")
    assert words in err


def test_a_folder_has_to_be_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, shell: Shell
) -> None:
    with pytest.raises(SystemExit) as ended_without:
        main(["sessions", "list"])
    told = capsys.readouterr().err
    monkeypatch.setenv("SCRIBEWIRE_JOURNAL", str(shell.folder))
    with pytest.raises(SystemExit) as ended_with:
        main(["sessions", "list"])

    assert (ended_without.value.code, ended_with.value.code) == (ExitCode.USAGE, ExitCode.DONE)
    assert "--journal or SCRIBEWIRE_JOURNAL" in told
    assert "5e55" in capsys.readouterr().out


def test_where_there_is_no_journal_it_is_said(shell: Shell) -> None:
    shell.folder = shell.folder / "none"
    code, _, err = shell.run("list")

    assert code == ExitCode.FAILED
    assert "No such file or directory" in err
