"""Whether an address is this machine's own: asked of the system, without a packet."""

from __future__ import annotations

import socket

_NOBODYS = ("192.0.2.1", "2001:db8::1")  # for documentation: no machine has them (RFC 5737, 3849)


def is_own_address(ip: str) -> bool:
    """Tell whether this machine has the address, on any of its interfaces.

    Only what is one's own can be bound to. Where the system binds to anything (`ip_nonlocal_bind`)
    nothing can be told, and no address is taken for one's own.
    """
    return _can_bind(ip) and not _can_bind(_NOBODYS[":" in ip])


def _can_bind(ip: str) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((ip, 0))
    except OSError:
        return False
    return True
