from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from scribewire import __version__
from scribewire.cli.app import app, main
from scribewire.cli.exits import ExitCode

COMMANDS = ["serve", "transcribe", "probe", "doctor", "drain", "bench"]
HEAVY = ("av", "numpy", "onnxruntime", "sounddevice", "websockets")
PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(option) == ExitCode.DONE
    assert capsys.readouterr().out == f"scribewire {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "--help") == ExitCode.DONE

    page = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)  # coloured on some machines
    assert f"Usage: scribewire {command}" in page
    assert "Example: " in page


@pytest.mark.parametrize("arguments", [["fly"], ["--fly"], ["serve", "--fly"]])
def test_what_does_not_exist_is_a_usage_error(arguments: list[str]) -> None:
    assert run(*arguments) == ExitCode.USAGE


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('LOADED', sorted(set({HEAVY}) & set(sys.modules))))\n"
        "from scribewire.cli import main\n"
        f"main({arguments})\n"
    )

    page = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert page.stdout.splitlines()[-1] == "LOADED []", page.stderr


@pytest.mark.slow
def test_the_package_is_a_program_too() -> None:
    command = [sys.executable, "-m", "scribewire", "--version"]

    assert subprocess.check_output(command, text=True) == f"scribewire {__version__}\n"


def test_the_documentation_names_every_option() -> None:
    page = PAGE.read_text("utf-8")
    group = typer.main.get_group(app)

    for name, command in group.commands.items():
        assert f"scribewire {name}" in page
        options = [option for p in command.params for option in p.opts if option.startswith("--")]
        assert [option for option in options if f"`{option}" not in page] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [("scribewire tr", ["transcribe"]), ("scribewire transcribe --par", ["--partials"])],
)
def test_a_shell_can_complete_commands_and_options(words: str, expected: list[str]) -> None:
    asking = {"_SCRIBEWIRE_COMPLETE": "complete_bash", "COMP_WORDS": words}
    environment = os.environ | asking | {"COMP_CWORD": str(words.count(" "))}
    command = [sys.executable, "-m", "scribewire"]

    assert subprocess.check_output(command, env=environment, text=True).split() == expected


def test_the_words_of_completion_can_be_shown_and_installed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--help") == ExitCode.DONE
    page = capsys.readouterr().out
    assert "--install-completion" in page
    assert "--show-completion" in page
