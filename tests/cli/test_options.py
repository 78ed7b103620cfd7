from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from scribewire.cli.app import app, main
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import (
    Given,
    meaning_of,
    option_of,
    read_settings,
    variable_of,
    with_settings,
)
from scribewire.settings import OPTIONS, Settings

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def given_by(*arguments: str) -> Given:
    """Return what a command with three settings and an option of its own is given."""
    told: list[Given] = []
    program = typer.Typer()

    @program.command()
    @with_settings("port", "keys", "model_dir")
    def command(
        word: Annotated[str, typer.Argument()], *, settings: Given, loud: bool = False
    ) -> None:
        told.append({**settings, "word": word, "loud": loud})

    result = CliRunner().invoke(program, ["hello", *arguments])
    assert result.exit_code == 0, result.output
    return told[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--port", "9001"], {"port": 9001}),
        (["--key", "one", "--key", "two"], {"keys": ("one", "two")}),
        (["--model-dir", "/models", "--loud"], {"model_dir": Path("/models"), "loud": True}),
    ],
    ids=["nothing", "a number", "several", "a path beside an option of the command's own"],
)
def test_what_is_given_is_there_and_nothing_else(
    arguments: list[str], expected: dict[str, object]
) -> None:
    assert given_by(*arguments) == {"word": "hello", "loud": False, **expected}


def test_every_setting_is_an_option_of_serve() -> None:
    command = typer.main.get_group(app).get_command(None, "serve")  # type: ignore[arg-type] # no context

    assert command is not None
    options = [option for one in command.params for option in one.opts]
    assert options == [option_of(name) for name in OPTIONS]


@pytest.mark.parametrize(
    ("arguments", "page"), [([], None), (["--page"], True), (["--no-page"], False)]
)
def test_what_is_served_can_be_left_out(arguments: list[str], page: object) -> None:
    command = typer.main.get_group(app).get_command(None, "serve")  # type: ignore[arg-type] # no context

    assert command is not None
    assert command.make_context("serve", arguments).params["page"] is page


def test_options_override_the_environment_and_that_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_PORT", "9000")
    monkeypatch.setenv("SCRIBEWIRE_WORKERS", "3")
    monkeypatch.setenv("SCRIBEWIRE_KEYS", "one,two")

    settings = read_settings({"port": 9001, "keys": ("three",)})

    assert settings == Settings(port=9001, workers=3, keys=("three",))


@pytest.mark.parametrize(
    ("given", "environment", "message"),
    [
        (
            {"port": 70000},
            {},
            "--port or SCRIBEWIRE_PORT is 70000: it should be less than or equal to 65535",
        ),
        (
            {},
            {"SCRIBEWIRE_WORKERS": "many"},
            "--workers or SCRIBEWIRE_WORKERS is many: it should be a valid integer, unable",
        ),
        (
            {},
            {"SCRIBEWIRE_LOG_LEVEL": "loud"},
            "--log-level or SCRIBEWIRE_LOG_LEVEL is loud: it should be 'debug', 'info', 'warning'",
        ),
        ({"keys": ("",)}, {}, "--key or SCRIBEWIRE_KEYS: no client can send 1 of 1; a key is"),
        ({"keys": ("one", "a b")}, {}, "--key or SCRIBEWIRE_KEYS: no client can send 1 of 2; "),
        ({}, {"SCRIBEWIRE_KEYS": "kü,one"}, "--key or SCRIBEWIRE_KEYS: no client can send 1 of 2"),
        (
            {},
            {"SCRIBEWIRE_WORKERZ": "3"},
            "SCRIBEWIRE_WORKERZ: no such variable; did you mean SCRIBEWIRE_WORKERS?",
        ),
        ({}, {"SCRIBEWIRE_QQQQQQ": "3"}, "SCRIBEWIRE_QQQQQQ: no such variable; unset it"),
        ({"keys": (5,)}, {}, "--key or SCRIBEWIRE_KEYS: expected keys separated by commas"),
        (
            {},
            {"SCRIBEWIRE_TOKEN_SECRET": "planted"},
            "--token-secret or SCRIBEWIRE_TOKEN_SECRET: expected 32 characters or more",
        ),
        (
            {"allow_origin": ("captions.example",)},
            {},
            "--allow-origin or SCRIBEWIRE_ALLOW_ORIGIN is ('captions.example',): it should be `*`",
        ),
        ({"deny_source": ("a b",)}, {}, "--deny-source: "),
        ({}, {"SCRIBEWIRE_SOURCE_CA": os.devnull}, f"--source-ca {os.devnull}: there is no cert"),
    ],
)
def test_a_bad_value_is_a_usage_error_that_names_it(
    given: Given,
    environment: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CommandFault) as caught:
        read_settings(given)

    assert str(caught.value).startswith(message)
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_documentation_has_every_setting_with_its_default(name: str) -> None:
    row = re.escape(f"| `{option_of(name)}` | `{variable_of(name)}` |")
    found = re.search(rf"^{row} ([^|]*) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert found is not None
    meaning, default = meaning_of(name)
    assert found[1] == default
    assert found[2].lower().startswith(meaning.lower())


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--port", "0"], ["transcribe", "speech.wav"], ["probe", "http://x"], ["bench"]],
    ids=lambda arguments: str(arguments[0]),
)
def test_no_command_starts_with_a_mistyped_variable(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_WORKERZ", "3")

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert "did you mean SCRIBEWIRE_WORKERS?" in capsys.readouterr().err
    assert ended.value.code == ExitCode.USAGE
