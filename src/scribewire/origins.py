"""Web pages by their origin, as browsers tell it: scheme, host and port (RFC 6454)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ORIGIN: Final = r"^(null|[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?#@,*\\]+)$"
"""How one is written; `null` is a page without one, such as a file."""

EVERY_ORIGIN: Final = "*"
"""Stands for all pages."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_MALFORMED = "https://captions.example: a scheme and a host, with a port if it is not the usual one"


def normalise_origin(text: str) -> str:
    """Return an origin as browsers write it; what is none comes back as it is."""
    origin = text.strip().lower()
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], ""))


def parse_allowed(text: str) -> str:
    """Return an origin, or what stands for all, that an operator has written.

    Raises ValueError for what is none.
    """
    origin = normalise_origin(text.strip().removesuffix("/"))
    if origin != EVERY_ORIGIN and not re.fullmatch(ORIGIN, origin):
        raise ValueError(f"be `*`, `null` or as {_MALFORMED}")
    return origin


@dataclass(frozen=True, slots=True)
class AllowedOrigins:
    """The pages whose scripts may talk to a server, besides its own."""

    names: frozenset[str]
    """As `parse_allowed` returns them."""

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Tell whether a request may come from there; None: no browser says where it is from.

        `host` is what the request takes for the server's own name. Whether that is reached by TLS
        is not compared: behind a proxy it is not known.
        """
        if origin is None or EVERY_ORIGIN in self.names:
            return True
        known = normalise_origin(origin)
        if known in self.names:
            return True
        scheme, _, place = known.partition("://")
        return bool(host) and place == normalise_origin(f"{scheme}://{host}").partition("://")[2]
