from __future__ import annotations

import re
from datetime import date

from scribewire.keys.pages import (
    CURSOR_OF_KEYS,
    CURSOR_OF_USAGE,
    Page,
    cut_page,
    read_cursor_of_keys,
    read_cursor_of_usage,
)


def test_a_page_says_where_the_next_one_begins_if_there_is_one() -> None:
    assert cut_page(["a", "b"], 2, str) == Page(["a", "b"], None)
    assert cut_page(["a", "b", "c"], 2, str) == Page(["a", "b"], "b")
    assert cut_page([], 2, str) == Page([], None)


def test_cursors_are_read_as_they_match() -> None:
    keys, usage = "1767225600.sw_k3v9q2m7tx", "741048.sw_k3v9q2m7tx"

    assert re.match(CURSOR_OF_KEYS, keys)
    assert re.match(CURSOR_OF_USAGE, usage)
    assert read_cursor_of_keys(keys) == (1767225600, "sw_k3v9q2m7tx")
    assert read_cursor_of_usage(usage) == (date(2029, 12, 2), "sw_k3v9q2m7tx")
    assert read_cursor_of_usage("999999.abcdef01")[0].year == 2738  # none is beyond what days are
    assert not re.match(CURSOR_OF_USAGE, "1000000.a")
