"""Keys that a client shows in its dialogue: the answer to a wrong one may be kept back a while."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.grants import Grant
    from scribewire.protocol.policy import ServerPolicy
    from scribewire.server.wrong_keys import WrongKeys

LONGEST_HOLD_S = 5.0  # the client takes a place of those without a key meanwhile


class KeyWatch:
    """Give one client's dialogue the server's policy, and see which keys it asks about."""

    def __init__(self, policy: ServerPolicy, wrong_keys: WrongKeys, host: str) -> None:
        self.policy = replace(policy, grant_of=self._grant_of)
        self._server = policy
        self._wrong_keys = wrong_keys
        self._host = host
        self.held_s = 0.0  # owed before the next answer

    async def before_sending(self) -> None:
        """Wait for as long as the answer to a wrong key is kept back."""
        held_s, self.held_s = self.held_s, 0.0
        if held_s:
            await asyncio.sleep(held_s)

    def _grant_of(self, key: str) -> Grant | None:
        grant = self._server.grant_of(key)
        if grant is None:
            waits_s = self._wrong_keys.receive(self._host) or self._wrong_keys.wait_s(self._host)
            self.held_s = min(waits_s, LONGEST_HOLD_S)
        return grant
