from __future__ import annotations

import pytest

from scribewire.sources.faults import invalid_stream
from scribewire.sources.finding import Finding
from scribewire.sources.hls.master import Choice, MasterPlaylist
from scribewire.sources.hls.page import PlaylistPage
from scribewire.sources.http.urls import check_url

URL = check_url("https://user:word@a.example/lists/all.pls?token=1")
PAGE = PlaylistPage("", URL, URL)


def targets(finding: Finding) -> list[str]:
    found = []
    while finding.has_more:
        found.append(finding.next().url.text)
    return found


def test_what_a_place_leads_to_comes_before_what_is_left() -> None:
    finding = Finding(URL, 3)
    place = finding.next()
    finding.add_stations(place, PAGE, ["a", "/b"])
    finding.add_stations(finding.next(), PAGE, ["http://c.example/", "d"])

    assert targets(finding) == [
        "http://c.example/",
        "https://a.example/lists/d",
        "https://a.example/b",
    ]


def test_credentials_go_only_to_where_they_belong() -> None:
    finding = Finding(URL, 3)
    finding.add_stations(finding.next(), PAGE, ["a", "https://b.example/"])

    assert finding.next().url.authorization is not None
    assert finding.next().url.authorization is None


def test_variables_go_to_the_playlists_of_a_master() -> None:
    finding = Finding(URL, 3)
    master = MasterPlaylist((Choice("low", "low"), Choice("high", "high")), {"name": "value"})
    finding.add_choices(finding.next(), PAGE, master)

    assert [finding.next().imported for _ in range(2)] == [{"name": "value"}] * 2


def test_what_may_not_be_reached_has_failed_and_is_told_where_nothing_else_is() -> None:
    finding = Finding(URL, 3)
    finding.add_stations(finding.next(), PAGE, ["file:///etc/passwd", "ftp://a/"])

    assert not finding.has_more
    assert finding.fault.cause == "stream address not allowed"
    assert "file" in finding.fault.message


def test_the_first_fault_is_told() -> None:
    finding = Finding(URL, 3)
    finding.add_stations(finding.next(), PAGE, ["a", "ftp://a/"])
    first = invalid_stream("first")
    finding.next()
    assert finding.try_until(0, 30) == 30
    finding.note(first)

    assert not finding.has_more
    assert finding.fault is first
    assert finding.passing_fault is None


def test_the_first_fault_that_may_pass_is_known() -> None:
    finding = Finding(URL, 3)
    faults = [invalid_stream(str(i), is_transient=i > 0) for i in range(3)]
    for fault in faults:
        finding.note(fault)

    assert finding.fault is faults[0]
    assert finding.passing_fault is faults[1]


@pytest.mark.parametrize("depth", [1, 3])
def test_leads_have_an_end(depth: int) -> None:
    finding = Finding(URL, depth)
    for _ in range(depth):
        finding.add_stations(finding.next(), PAGE, ["next"])
    finding.add_stations(finding.next(), PAGE, ["next"])

    assert not finding.has_more
    assert "only lead to other playlists" in finding.fault.message


def test_each_place_may_take_half_of_what_is_left_and_the_last_all() -> None:
    finding = Finding(URL, 3)
    finding.add_stations(finding.next(), PAGE, ["a", "b"])

    finding.next()
    assert finding.try_until(10, 30) == 20
    finding.next()
    assert finding.try_until(20, 30) == 30
