from __future__ import annotations

import pytest

from scribewire.cli.durations import format_time, parse_duration_s, parse_time
from scribewire.cli.exits import CommandFault, ExitCode


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90m", 5400), ("12H", 43_200), (" 30d ", 2_592_000)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration_s(text, "--grace") == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "30 days"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CommandFault, match=r"--grace .*: expected a time from now") as caught:
        parse_duration_s(text, "--grace")

    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1h", 4600),
        ("1970-01-02", 86_400),
        ("1970-01-02T01:00", 90_000),
        ("1970-01-02T01:00+01:00", 86_400),
        ("1970-01-02T00:00:00Z", 86_400),
    ],
)
def test_a_time_is_from_now_or_a_date(text: str, at: int) -> None:
    assert parse_time(text, "--expires", now=1000.7) == at


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(CommandFault, match="or a date as 2030-12-31"):
        parse_time("tomorrow", "--expires", now=0)


def test_a_time_is_told_in_utc() -> None:
    assert format_time(86_400) == "1970-01-02T00:00:00Z"
    assert format_time(None) is None
