from __future__ import annotations

import pytest

from scribewire.protocol.dialogue import ProtocolMisuseError
from scribewire.protocol.pending import MAX_PENDING, Pending


def test_items_come_out_in_order() -> None:
    pending: Pending[str] = Pending("next_event")
    pending.add("a")
    pending.add("b")

    taken = [pending.take(), pending.take(), pending.take()]

    assert taken == ["a", "b", None]


def test_dropped_items_do_not_come_out() -> None:
    pending: Pending[str] = Pending("next_event")
    pending.add("a")

    pending.drop_all()

    assert pending.take() is None


def test_a_shell_that_takes_nothing_is_told() -> None:
    pending: Pending[int] = Pending("next_event")
    for number in range(MAX_PENDING):
        pending.add(number)

    with pytest.raises(ProtocolMisuseError, match="1024 items pending: call next_event until"):
        pending.add(0)
