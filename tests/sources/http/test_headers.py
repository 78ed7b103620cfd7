from __future__ import annotations

from scribewire.sources.http.headers import Headers


def test_names_are_found_in_any_case_and_the_first_value_counts() -> None:
    headers = Headers([("Content-Type", "audio/mpeg"), ("content-type", "text/html")])
    assert headers["CONTENT-TYPE"] == "audio/mpeg"
    assert "Content-type" in headers
    assert headers.get("content-length") is None
    assert dict(headers) == {"content-type": "audio/mpeg"}
    assert len(headers) == 1
