"""Keys that a client shows in its dialogue: the answer to a wrong one may be kept back a while."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.grants import Grant
    from scribewire.protocol.policy import ServerPolicy
    from scribewire.server.wrong_keys import WrongKeys

LONGEST_HOLD_S = 5.0  # the client takes a place of those without a key meanwhile
UNKNOWN = "unknown token"  # why a wrong key is refused, for programs
TOO_MANY = "too many wrong keys"  # and where its address has to wait

_log = logging.getLogger("scribewire.server")


def receive_wrong_key(wrong_keys: WrongKeys, host: str) -> float:
    """Take note of a wrong key; returns how long its address had to wait yet, in seconds.

    Where a wait begins with it, the log says so.
    """
    had_to_wait_s = wrong_keys.receive(host)
    wait_s = 0.0 if had_to_wait_s else wrong_keys.wait_s(host)
    if wait_s:
        words = "! too many wrong keys from {host}: it waits {wait_s:.0f} s"
        _log.info(LogLine("wrong_keys", words, host=host, wait_s=wait_s))
    return had_to_wait_s


class KeyWatch:
    """Give one client's dialogue the server's policy, and see which keys it asks about.

    Wrong ones are refusals as in a handshake, noted by the same reasons.
    """

    def __init__(
        self,
        policy: ServerPolicy,
        wrong_keys: WrongKeys,
        host: str,
        *,
        note_refusal: Callable[[str], None],
    ) -> None:
        self.policy = replace(policy, grant_of=self._grant_of)
        self._server = policy
        self._wrong_keys = wrong_keys
        self._host = host
        self._note_refusal = note_refusal
        self.held_s = 0.0  # owed before the next answer

    async def before_sending(self) -> None:
        """Wait for as long as the answer to a wrong key is kept back."""
        held_s, self.held_s = self.held_s, 0.0
        if held_s:
            await asyncio.sleep(held_s)

    def _grant_of(self, key: str) -> Grant | None:
        grant = self._server.grant_of(key)
        if grant is None:
            had_to_wait_s = receive_wrong_key(self._wrong_keys, self._host)
            self._note_refusal(TOO_MANY if had_to_wait_s else UNKNOWN)
            self.held_s = min(self._wrong_keys.wait_s(self._host), LONGEST_HOLD_S)
        return grant
