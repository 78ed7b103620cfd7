"""Where a server listens, and why it cannot."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from scribewire.errors import ServerFault

if TYPE_CHECKING:
    from collections.abc import Mapping

RECEIVE_BUFFER_BYTES = 65_536  # 2 s of audio; the system takes twice as much
_BACKLOG = 512

_NO_ADDRESS = (
    "expected an address of this machine such as 127.0.0.1, ::1 or 0.0.0.0, or a name of one, "
    "without a port; correct --host"
)
_FREE_PORT = "choose another --port (0 takes a free one)"
_REMEDIES: Final[Mapping[int, str]] = {
    errno.EADDRINUSE: f"stop what listens there or {_FREE_PORT}",
    errno.EACCES: f"take a port from 1024 on, or give this process the right to (on Linux "
    f"CAP_NET_BIND_SERVICE); {_FREE_PORT}",
    errno.EADDRNOTAVAIL: _NO_ADDRESS,
    errno.EAFNOSUPPORT: _NO_ADDRESS,
    errno.EINVAL: f"a link-local address needs its interface, as fe80::1%eth0; {_NO_ADDRESS}",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    is_secure: bool = False
    """Whether it speaks TLS."""

    @property
    def url(self) -> str:
        """The base address for clients, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.is_secure else 'ws'}://{host}:{self.port}"

    @property
    def page_url(self) -> str:
        """Where browsers find the page."""
        return f"http{self.url.removeprefix('ws')}/"

    @property
    def is_overheard(self) -> bool:
        """Whether others can read what comes to it: it is reached from elsewhere, without TLS."""
        return not self.is_secure and not ip_address(self.host.partition("%")[0]).is_loopback


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections, or raise ServerFault with what to do."""
    bound = bind(host, port)
    open_port(bound, host, port)
    return bound


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that has its address and takes no connection yet. Raises ServerFault."""
    bound = socket.socket(_find_family(host, port))
    try:
        if os.name == "posix":  # else a port whose last connections still end could not be had
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Connections inherit it. What the system buffers by itself, megabytes, would hide from
        # clients for minutes that they are slowed down, and from us that they have left.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ServerFault(explain(error, host, port)) from error
    return bound


def open_port(bound: socket.socket, host: str, port: int) -> None:
    """Let a bound socket take connections; again does nothing. Raises ServerFault."""
    try:
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise ServerFault(explain(error, host, port)) from error


def address_of(bound: socket.socket, *, is_secure: bool) -> Address:
    """Return where a socket listens."""
    host, port = bound.getsockname()[:2]
    return Address(host, port, is_secure=is_secure)


def explain(error: OSError, host: str, port: int) -> str:
    """Say why there cannot be listened, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "choose another --host or --port")
    reason = (error.strerror or str(error)).partition(" (while attempting")[0]  # said already
    return f"cannot listen on {host} port {port}: {reason}; {remedy}"


def _find_family(host: str, port: int) -> socket.AddressFamily:
    """Return how the host is addressed: a name that has both ways, by IPv4."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError) as error:  # ValueError: a text that no name can be
        words = f"cannot listen on {host!r} port {port}: no such name or address here"
        raise ServerFault(f"{words}; {_NO_ADDRESS}") from error
    families = {family for family, *_ in found}
    return socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
