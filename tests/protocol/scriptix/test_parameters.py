from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ClientFault
from scribewire.protocol.scriptix.parameters import (
    REQUEST,
    STREAM_REQUEST,
    is_stream_url,
    read_query,
    read_start,
    with_start,
    write_query,
    write_start,
)
from scribewire.wishes import AUTO, USUAL, Wishes

WISHES = st.builds(
    Wishes,
    mode=st.sampled_from(["fast", "quality"]),
    language=st.sampled_from([None, "en", "nl", AUTO]),
    languages=st.lists(st.sampled_from(["en", "nl", "fr"]), unique=True).map(tuple),
    endpointing_ms=st.none() | st.integers(100, 5000),
    partials=st.booleans(),
    speakers=st.booleans(),
    digits=st.booleans(),
    url=st.none() | st.text().map("http://host/".__add__),
    pace=st.sampled_from(["fast", "realtime"]),
)


@given(wishes=WISHES)
def test_a_server_reads_every_wish_that_a_client_writes(wishes: Wishes) -> None:
    request, fault = read_query(write_query(wishes, STREAM_REQUEST), STREAM_REQUEST)
    start = read_start(write_start(wishes))

    assert fault is None
    assert with_start(request, start) == wishes


@pytest.mark.parametrize("table", [REQUEST, STREAM_REQUEST])
def test_what_is_as_usual_is_not_written(table: tuple[()]) -> None:
    assert write_query(USUAL, table) == {}
    assert write_start(USUAL) == {}


def test_a_name_stands_for_one_wish() -> None:
    names = [parameter.name for parameter in STREAM_REQUEST]

    assert len(set(names)) == len(names)


def test_beside_a_bad_parameter_the_good_ones_are_read_and_the_first_fault_is_told() -> None:
    given_ = {"diarize": "no", "type": "best", "language": "en-US"}

    wishes, fault = read_query(given_, REQUEST)

    assert wishes == Wishes(language="en")
    assert fault is not None
    assert fault.message == "type best: expected `fast` or `quality`"


def test_an_empty_value_counts_as_not_given() -> None:
    assert read_query({"language": "", "url": ""}, STREAM_REQUEST) == (USUAL, None)


def test_an_address_that_is_none_is_not_quoted() -> None:
    _, fault = read_query({"url": "ftp://user:secret@host/"}, STREAM_REQUEST)

    assert fault is not None
    assert "secret" not in fault.message


def test_a_field_of_start_must_be_what_it_is() -> None:
    with pytest.raises(ClientFault, match="partial 1: expected true or false"):
        read_start({"partial": 1})


@pytest.mark.parametrize("url", ["http://x", "https://user:word@[::1]:8/live?a=b", "HTTP://X/"])
def test_a_stream_may_be_at_any_http_address(url: str) -> None:
    assert is_stream_url(url)


@pytest.mark.parametrize("url", ["", "x", "http://", "http://[::1", "file:///x", "ftp://x/"])
def test_a_stream_is_nowhere_else(url: str) -> None:
    assert not is_stream_url(url)
