"""From a host to addresses that may be connected to: one look-up, every answer checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from scribewire.sources.faults import invalid_stream
from scribewire.sources.http.addresses import AddressPolicy, Leave
from scribewire.sources.http.discretion import note_private_host

LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port to numeric addresses; `OSError` where there are none."""


async def system_look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class CheckedResolver:
    """Look a name up and let through only what the policy allows.

    One forbidden address among the answers refuses the name: nobody's name has one by mistake.
    """

    def __init__(self, policy: AddressPolicy, look_up: LookUp) -> None:
        self._policy = policy
        self._look_up = look_up

    async def addresses_of(self, host: str, port: int) -> list[str]:
        """Return the addresses to connect to, each of them checked, or raise `SourceFault`."""
        if is_address(host):
            addresses: Sequence[str] = [host]
        else:
            addresses = await self._find(host, port)
        leaves = [self._policy.check_address(host, address, port) for address in addresses]
        if Leave.RULE in leaves:  # only once none is refused: nothing was asked until then
            note_private_host()
        return list(addresses)

    async def _find(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            may_pass = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            cause = f"the host name {host} was not found"
            raise invalid_stream(cause, is_transient=may_pass) from error
        if not addresses:
            raise invalid_stream(f"the host name {host} has no address")
        return addresses


def is_address(host: str) -> bool:
    """Tell an IP address from a name; `host` is normalised."""
    return ":" in host or host.rpartition(".")[2].isdigit()
