from __future__ import annotations

import pytest

from scribewire.errors import ClientFault, CloseCode, ModelFault, ScribewireError, ServerFault


def test_a_client_fault_closes_with_1008_unless_told_otherwise() -> None:
    assert ClientFault("bad type").close_code == 1008
    assert ClientFault("too big", CloseCode.MESSAGE_TOO_BIG).close_code == 1009


@pytest.mark.parametrize("error", [ClientFault("x"), ServerFault("x"), ModelFault("x")])
def test_every_error_has_one_root_and_shows_its_message(error: ScribewireError) -> None:
    assert isinstance(error, ScribewireError)
    assert str(error) == "x"


def test_what_is_logged_may_be_less_than_what_the_client_reads() -> None:
    assert ClientFault("type a: expected b").logged == "type a: expected b"
    assert ClientFault("type a: expected b", logged="type: expected b").logged == "type: expected b"
