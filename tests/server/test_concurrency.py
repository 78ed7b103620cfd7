from __future__ import annotations

import pytest

from scribewire.server.concurrency import ConcurrencyError, OneTask


def test_a_second_one_at_a_time_is_an_error_that_says_what_it_did() -> None:
    one = OneTask("audio is brought")

    with one, pytest.raises(ConcurrencyError, match="audio is brought while another task does"):
        one.take()


def test_one_after_the_other_is_right() -> None:
    one = OneTask("audio is brought")

    with one:
        pass
    one.take()
    one.give_back()
    with one:
        pass
