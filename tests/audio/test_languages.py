from __future__ import annotations

import pytest

from scribewire.audio.languages import main_language


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        *(("en", "en"), ("EN-gb", "en"), ("eng", "en"), ("dut", "nl"), ("nld", "nl")),
        *(("ger", "de"), ("fre", "fr"), ("und", "und"), ("", ""), (" xx ", "xx")),
    ],
)
def test_a_tag_is_known_by_its_first_part(tag: str, code: str) -> None:
    assert main_language(tag) == code


def test_a_tag_without_end_is_cut() -> None:
    assert len(main_language("x" * 1000)) < 100
