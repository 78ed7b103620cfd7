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
