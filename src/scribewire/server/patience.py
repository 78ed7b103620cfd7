"""HTTP connections that are not waited for without end.

uvicorn waits for ever for the rest of a request, so clients that send half a line each would take
every file descriptor there is. To be removed when uvicorn has a limit of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio


def impatient_http(timeout_s: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol, closing what has not become a WebSocket in this time.

    A request that is being answered gets the same time again.
    """

    class ImpatientHttp(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
            super().connection_made(transport)
            self.loop.call_later(timeout_s, self._check)

        def _check(self) -> None:
            if self.transport.get_protocol() is not self:
                return  # a WebSocket by now
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()
            else:
                self.loop.call_later(timeout_s, self._check)

    return ImpatientHttp
