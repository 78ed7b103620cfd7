from __future__ import annotations

import pytest

from scribewire.cli.inputs import is_url


@pytest.mark.parametrize(
    ("source", "is_pulled"),
    [("https://host/a", True), ("RTSP://host", True), ("a.mp3", False), ("-", False), ("c:/a", 0)],
)
def test_a_url_has_a_scheme(source: str, is_pulled: bool) -> None:
    assert is_url(source) == is_pulled
