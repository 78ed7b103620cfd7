from __future__ import annotations

from scribewire.sources.http.headers import Headers


def test_names_are_found_in_any_case_and_the_first_value_counts() -> None:
    headers = Headers([("Content-Type", "audio/mpeg"), ("content-type", "text/html")])
    assert headers["CONTENT-TYPE"] == "audio/mpeg"
    assert "Content-type" in headers
    assert headers.all("content-type") == ["audio/mpeg", "text/html"]
    assert headers.get("content-length") is None
    assert headers.all("content-length") == []
    assert dict(headers) == {"content-type": "audio/mpeg"}
    assert len(headers) == 1


def test_a_list_may_stand_on_several_lines() -> None:
    headers = Headers([("Content-Encoding", "AWS-chunked, ,gzip"), ("content-encoding", " br ")])
    assert headers.elements("content-encoding") == ["aws-chunked", "gzip", "br"]
