from __future__ import annotations

import pytest

from scribewire.sources.hls.tags import finite, read_attributes, read_date

# What stands behind a tag, its attributes.
LISTS = [
    ("A=1,B=2", {"A": "1", "B": "2"}),
    ('URI="a,b=c",X=y', {"URI": "a,b=c", "X": "y"}),
    (' uri = "k" ,junk,A= 1 ', {"URI": "k", "A": "1"}),
    ('A="never closed', {"A": ""}),
    ("=,,=", {}),
    ('A="",B=', {"A": "", "B": ""}),
    ("A=1,A=2", {"A": "2"}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "expected"), LISTS)
def test_what_is_an_attribute_is_read_and_the_rest_left_out(
    text: str, expected: dict[str, str]
) -> None:
    assert read_attributes(text) == expected


def test_a_long_list_of_nothing_is_read_at_once() -> None:
    assert read_attributes('"' + "a" * 100_000 + " " * 100_000 + "=,," * 100_000) == {}


@pytest.mark.parametrize("text", [None, "", "nan", "inf", "-inf", "1e999", "five", "1,5"])
def test_what_cannot_be_counted_with_is_no_number(text: str | None) -> None:
    assert finite(text) is None


def test_numbers_are_numbers() -> None:
    assert [finite(text) for text in ("6", " 9.97 ", "-1", "1e3")] == [6, 9.97, -1, 1000]


# A date, in seconds since 1970.
DATES = [
    ("1970-01-01T00:00:01Z", 1.0),
    (" 1970-01-01T01:00:00.5+01:00 ", 0.5),
    ("1970-01-01T00:00:00", 0.0),
    ("yesterday", None),
    ("", None),
    ("0001-01-01T00:00:00+23:59", -62135683140.0),
    ("10000-01-01T00:00:00Z", None),
    ("9" * 1_000_000, None),
]


@pytest.mark.parametrize(("text", "expected"), DATES, ids=lambda value: repr(value)[:40])
def test_a_date_is_a_time_or_nothing(text: str, expected: float | None) -> None:
    assert read_date(text) == expected
