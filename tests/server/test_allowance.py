from __future__ import annotations

import numpy as np
import pytest

from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.keys.access import KeyAccess
from scribewire.keys.configured import ConfiguredKeys
from scribewire.keys.usage import UsageLedger
from scribewire.server.allowance import AudioAllowance


def test_audio_is_let_through_up_to_the_last_sample_that_is_allowed() -> None:
    allowance = AudioAllowance(1.5)
    speech = np.arange(16_000, dtype=np.float32)

    first = allowance.let_through(speech)
    allowance.check()
    second = allowance.let_through(speech)

    assert (len(first), len(second), allowance.received_samples) == (16_000, 8_000, 24_000)
    assert second[-1] == 7_999
    with pytest.raises(ClientFault, match=r"this key allows 0\.025 of audio in a session"):
        allowance.check()
    assert len(allowance.let_through(speech)) == 0


def test_what_another_process_has_heard_of_the_session_counts() -> None:
    allowance = AudioAllowance(1.5, heard_samples=16_000)
    beyond = AudioAllowance(1.5, heard_samples=24_001)
    speech = np.zeros(16_000, np.float32)

    assert (len(allowance.let_through(speech)), len(beyond.let_through(speech))) == (8_000, 0)
    for one in (allowance, beyond):
        with pytest.raises(ClientFault, match=r"0\.025 of audio in a session"):
            one.check()


def test_what_another_process_has_counted_for_the_key_is_not_counted_again() -> None:
    ledger = UsageLedger()
    access = KeyAccess(ConfiguredKeys([]), ledger)
    grant = Grant(key_id="one", max_audio_s_per_day=1.0)
    use = access.begin(grant, lambda _: None)
    allowance = AudioAllowance(None, use, heard_samples=4_000, counted_samples=24_000)
    second = np.zeros(16_000, np.float32)

    let_through = [len(allowance.let_through(second)) for _ in range(3)]

    assert let_through == [16_000, 16_000, 4_000]  # 20,000 that were counted, and a second


def test_without_a_limit_all_of_it_is() -> None:
    allowance = AudioAllowance(None)

    for _ in range(3):
        assert len(allowance.let_through(np.zeros(16_000, np.float32))) == 16_000
        allowance.check()
    assert allowance.received_samples == 48_000


def test_sessions_of_one_key_share_what_it_may_have_in_a_day() -> None:
    access = KeyAccess(ConfiguredKeys([]), UsageLedger())
    grant = Grant(key_id="one", max_audio_s_per_day=1.5)
    one, other = (AudioAllowance(None, access.begin(grant, lambda _: None)) for _ in range(2))
    second = np.zeros(16_000, np.float32)

    assert [len(one.let_through(second)), len(other.let_through(second))] == [16_000, 8_000]
    with pytest.raises(ClientFault, match="minutes used up: "):
        one.check()
