from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scribewire.cli.app import main
from scribewire.cli.checks import Check
from scribewire.cli.doctor import describe, limits_in_force, print_report, sum_up
from scribewire.cli.exits import ExitCode
from scribewire.engines.families import FAMILIES
from scribewire.limits import ServerLimits
from scribewire.settings import Settings

GOOD = Check("cache", "ok", "can be written")
POOR = Check("isolation", "warning", "keeps its network")
BAD = Check("silero-vad", "failed", "no such file")


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", *arguments])
    return caught.value.code


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([GOOD], "all is well"),
        ([GOOD, POOR], "0 failed, 1 warning"),
        ([POOR, BAD, POOR], "1 failed, 2 warnings"),
    ],
)
def test_the_verdict_counts_what_is_wrong(checks: list[Check], verdict: str) -> None:
    assert sum_up(checks) == verdict


def test_every_limit_is_shown_with_the_value_in_force(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_MAX_SESSIONS", "40")

    print_report([GOOD], Settings())

    shown = dict(
        line.split(maxsplit=2)[1:]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("limit ")
    )
    assert list(shown) == list(ServerLimits.model_fields)
    assert (shown["max_sessions"], shown["max_wrong_keys"]) == ("40", "10")
    assert shown["max_session_ms"] == "as long as its client likes"


def test_json_has_every_check() -> None:
    settings = Settings(max_sessions=40)

    assert describe([GOOD, BAD], None, settings) == {
        "served": None,
        "has_failed": True,
        "limits": {**limits_in_force(Settings()), "max_sessions": 40},
        "checks": [
            {"name": "cache", "status": "ok", "words": "can be written"},
            {"name": "silero-vad", "status": "failed", "words": "no such file"},
        ],
    }


@pytest.mark.slow
def test_a_sound_installation_has_a_line_for_each_part_and_nothing_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run() == ExitCode.DONE

    out, err = capsys.readouterr()
    *lines, verdict = out.splitlines()
    assert all(re.match(r"(ok|warning|limit) +\S+ +\S", line) for line in lines)
    assert [line.split()[1] for line in lines] == [
        *(
            "python",
            "settings",
            "variables",
            "silero-vad",
            *(model.name for family in FAMILIES for model in family.models),
            "languages",
            "cache",
            "journal",
            "speakers",
            "ffmpeg",
        ),
        *("decoder", "isolation", "certificates", "cores", "descriptors", "keys"),
        *ServerLimits.model_fields,
    ]
    assert verdict == "all is well" or verdict.startswith("0 failed, ")
    assert err == ""


@pytest.mark.slow
def test_what_failed_makes_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_MODEL_DIR", str(tmp_path))

    assert run("--format", "json") == ExitCode.FAILED

    report = json.loads(capsys.readouterr().out)
    assert report["has_failed"] is True
    assert report["served"] is None
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    assert (statuses["languages"], statuses["decoder"]) == ("failed", "ok")


@pytest.mark.slow
def test_settings_that_cannot_be_read_are_told_and_the_rest_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_PORT", "far")

    assert run("--format", "json") == ExitCode.FAILED

    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["settings"]["words"].startswith("--port or SCRIBEWIRE_PORT is far: ")
    assert checks["decoder"]["status"] == "ok"
