from __future__ import annotations

from pathlib import Path

import pytest

from scribewire.cli import main
from scribewire.cli.exits import ExitCode


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as end:
        main(["engine", *arguments])
    return end.value.code


def test_without_a_socket_it_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == ExitCode.USAGE
    assert "--socket" in capsys.readouterr().err


def test_a_socket_that_cannot_be_is_a_fault_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--socket", str(tmp_path / ("x" * 100))) == ExitCode.FAILED
    assert "expected at most 100" in capsys.readouterr().err


def test_it_has_the_settings_for_models_and_none_for_connections(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--socket", "s", "--port", "1") == ExitCode.USAGE
    assert run("--help") == ExitCode.DONE
    page = capsys.readouterr().out
    assert all(name in page for name in ("--device", "--workers", "--preload"))
