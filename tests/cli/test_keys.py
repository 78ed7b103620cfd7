from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scribewire.cli.app import main
from scribewire.cli.exits import ExitCode


class Shell:
    """Runs `scribewire keys` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str) -> str:
        """Return what a command prints."""
        with pytest.raises(SystemExit) as ended:
            main(["keys", *arguments])
        said = self._capsys.readouterr()
        assert ended.value.code == ExitCode.DONE, said.err
        return said.out

    def ask(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--format", "json"))
        return found

    def fail(self, *arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            main(["keys", *arguments])
        return ended.value.code, self._capsys.readouterr().err


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Shell:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return Shell(capsys)


@pytest.mark.slow
def test_a_key_is_shown_once(shell: Shell) -> None:
    made = shell.ask("create", "lobby", "--max-sessions", "2")
    key, key_id = made["key"], made["id"]
    assert key.startswith(key_id + "_")

    later = [
        shell.run(*command, *form)
        for command in (["list", "--all"], ["show", key_id], ["revoke", key_id])
        for form in ([], ["--format", "json"])
    ]

    assert not any(key[14:] in text for text in later)
    assert made["max_sessions"] == 2


@pytest.mark.slow
def test_a_key_gets_a_new_secret_and_ends(shell: Shell) -> None:
    made = shell.ask("create", "lobby")
    again = shell.ask("rotate", made["id"], "--grace", "12h")

    assert again["id"] == made["id"]
    assert again["key"] != made["key"]
    assert shell.ask("show", made["id"])["state"] == "active"
    assert shell.run("revoke", made["id"]) == f"revoked: {made['id']}\n"
    assert shell.ask("list") == {"keys": []}
    assert [one["state"] for one in shell.ask("list", "--all")["keys"]] == ["revoked"]
    code, words = shell.fail("rotate", made["id"])
    assert (code, "revoked, which is for good" in words) == (ExitCode.USAGE, True)


@pytest.mark.slow
def test_a_key_is_made_with_what_it_may_do(shell: Shell) -> None:
    options = "--type fast --language nl --language en --origin https://captions.example"
    limits = "--source-host *.radio.example --minutes-per-day 600 --minutes-per-month 9000"
    made = shell.ask("create", "hall", *options.split(), *limits.split(), "--admin")

    expected = {
        "types": ["fast"],
        "languages": ["en", "nl"],
        "origins": ["https://captions.example"],
        "source_hosts": ["*.radio.example"],
        "minutes_per_day": 600.0,
        "minutes_per_month": 9000.0,
        "is_admin": True,
        "expires_at": None,
    }
    assert {name: made[name] for name in expected} == expected
    text = shell.run("create", "lobby", "--expires", "30d")
    assert text.splitlines()[0].split()[0] == "key"


@pytest.mark.slow
def test_a_key_is_changed_in_what_is_named(shell: Shell) -> None:
    limits = "--max-sessions 2 --minutes-per-day 60 --language nl --expires 30d"
    made = shell.ask("create", "lobby", *limits.split())
    lifts = "--lift expires --lift minutes-per-day"

    changed = shell.ask("change", made["id"], "--max-sessions", "4", *lifts.split())

    del made["key"]
    assert changed == made | {"max_sessions": 4, "minutes_per_day": None, "expires_at": None}
    text = shell.run("change", made["id"], "--name", "hall", "--language", "de", "--language", "fr")
    assert [line.split(maxsplit=1)[1] for line in text.splitlines() if "lang" in line] == ["de, fr"]
    assert shell.ask("show", made["id"])["name"] == "hall"


def test_without_keys_nothing_is_made_by_looking(shell: Shell, tmp_path: Path) -> None:
    code, words = shell.fail("list")

    assert (code, "`scribewire keys create NAME`" in words) == (ExitCode.FAILED, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["show", "sw_k3v9q2m7tx_planted"], "give the name alone: sw_k3v9q2m7tx;", ExitCode.USAGE),
        (["revoke", "lobby"], "no key has that name", ExitCode.USAGE),
        (["create", "x", "--type", "slow"], "type 'slow': expected one of", ExitCode.USAGE),
        (["create", "x", "--expires", "soon"], "--expires soon: expected", ExitCode.USAGE),
        (["change", "x", "--lift", "all"], "--lift all: expected one of type,", ExitCode.USAGE),
        (["change", "x", "--name", "y"], "no key has that name", ExitCode.USAGE),
        (["change", "x", "--name", "", "--type", "fast"], "name: expected 1 to", ExitCode.USAGE),
        (["change", "x"], "nothing to change", ExitCode.USAGE),
        (["change", "x", "--type", "fast", "--lift", "type"], "say one", ExitCode.USAGE),
        (["rotate", "x", "--grace", "soon"], "--grace soon: expected", ExitCode.USAGE),
        (["list", "--database", "mysql://u:planted@h/d"], "of that kind", ExitCode.FAILED),
        (["list", "--database", ""], "--database or SCRIBEWIRE_DATABASE", ExitCode.USAGE),
    ],
)
def test_what_cannot_be_done_is_told_with_words(
    shell: Shell, tmp_path: Path, arguments: list[str], words: str, code: ExitCode
) -> None:
    database = [] if "--database" in arguments else ["--database", f"sqlite:///{tmp_path}/k"]

    ended, said = shell.fail(*arguments, *database)

    assert (ended, words in said, "planted" in said) == (code, True, False)
