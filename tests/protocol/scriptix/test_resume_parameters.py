from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.resume_parameters import NAMES, read_resume, write_resume

SESSION = {"session": "0" * 32, "epoch": "0" * 8, "finals": "3"}


def test_who_asks_for_nothing_gets_nothing() -> None:
    assert read_resume({}) == (False, None, None)
    assert read_resume({"resume": "false"}) == (False, None, None)
    assert read_resume({"resume": "true"}) == (True, None, None)
    assert write_resume(resuming=False, is_stream=False) == {}


@given(
    back=st.builds(
        ComeBack,
        session_id=st.text("0123456789abcdef", min_size=32, max_size=32),
        epoch=st.text("0123456789abcdef", min_size=8, max_size=8),
        finals=st.integers(0, 999_999_999),
        oldest_byte=st.integers(0, 10**15 - 1),
    )
)
def test_what_is_written_is_read(back: ComeBack) -> None:
    written = write_resume(back, is_stream=False)

    assert set(written) == set(NAMES)
    assert read_resume(written) == (True, back, None)
    assert "oldest_byte" not in write_resume(back, is_stream=True)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"resume": "yes"}, "resume"),
        (SESSION | {"session": "0" * 31}, "session"),
        (SESSION | {"session": "G" * 32}, "session"),
        (SESSION | {"epoch": "0"}, "epoch"),
        (SESSION | {"finals": "-1"}, "finals"),
        (SESSION | {"oldest_byte": "1e3"}, "oldest_byte"),
        ({"session": "0" * 32, "finals": "3"}, "epoch"),
        ({"session": "0" * 32, "epoch": "0" * 8}, "finals"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_name(given: dict[str, str], name: str) -> None:
    _, back, fault = read_resume(given)

    assert back is None
    assert fault is not None
    assert fault.message.startswith(name)
    assert "expected" in fault.message
