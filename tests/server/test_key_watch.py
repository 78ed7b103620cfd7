from __future__ import annotations

import logging

import pytest

from scribewire.grants import Grant
from scribewire.protocol.policy import ServerPolicy
from scribewire.server.key_watch import LONGEST_HOLD_S, KeyWatch
from scribewire.server.wrong_keys import WrongKeys

GRANTS = {"key-1": Grant(key_id="1")}
POLICY = ServerPolicy(languages=frozenset({"en"}), default_language="en", grant_of=GRANTS.get)


def is_kept_back(watch: KeyWatch) -> bool:
    """Tell whether the next answer would wait, without waiting for it."""
    try:
        watch.before_sending().send(None)
    except StopIteration:
        return False
    return True


def watch_keys(wrong_keys: WrongKeys, told: list[str] | None = None) -> KeyWatch:
    told = [] if told is None else told
    return KeyWatch(POLICY, wrong_keys, "10.0.0.1", note_refusal=told.append)


def test_wrong_keys_are_refusals_and_the_log_says_when_their_address_begins_to_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    told: list[str] = []
    watch = watch_keys(WrongKeys(free=1, longest_wait_s=60, now=lambda: 1000.0), told)

    for key in ["wrong", "key-1", "wrong", "wrong"]:
        watch.policy.grant_of(key)

    assert told == ["unknown token", "unknown token", "too many wrong keys"]
    assert caplog.messages == ["! too many wrong keys from 10.0.0.1: it waits 1 s"]


async def test_what_is_answered_is_kept_back_after_too_many_wrong_keys_only() -> None:
    wrong_keys = WrongKeys(free=1, longest_wait_s=60, now=lambda: 1000.0)
    watch = watch_keys(wrong_keys)
    found = []
    for key in ["wrong", "wrong", "wrong", "key-1"]:
        grant = watch.policy.grant_of(key)
        found.append((grant is not None, is_kept_back(watch)))

    assert found == [(False, False), (False, True), (False, True), (True, False)]
    assert not is_kept_back(watch)  # once for each


def test_an_answer_is_kept_back_for_seconds_however_long_the_wait_is() -> None:
    now = 0.0
    wrong_keys = WrongKeys(free=0, longest_wait_s=3600, now=lambda: now)
    for _ in range(10):
        wrong_keys.receive("10.0.0.1")
        now += wrong_keys.wait_s("10.0.0.1")
    now -= 200
    watch = watch_keys(wrong_keys)
    watch.policy.grant_of("wrong")

    assert wrong_keys.wait_s("10.0.0.1") == 200
    assert watch.held_s == LONGEST_HOLD_S
