"""NATS's own client, changed: it always comes back, and says nothing in the clear where TLS is due.

Two things would end it for good, or for as long as a system keeps a dead connection: a NATS that
stands still while there is more to be sent to it than the system takes, and one that says that this
client may not be there, which may be set right in a moment.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.protocol.parser import CONNECT_OP, PERMISSIONS_ERR

if TYPE_CHECKING:
    from urllib.parse import ParseResult

CLOSE_PATIENCE_S: Final = 0.5
"""With what is still to be sent on a connection that is closed; then it is dropped."""


class NotEncryptedError(nats.errors.Error):
    """A NATS that `tls://` leads to does no TLS."""


class LastingClient(Client):
    """A client that connects again whatever has ended its connection."""

    def __init__(self) -> None:
        super().__init__()
        self._transport = DroppingTransport()

    def _connect_command(self) -> bytes:
        """Return what says who this is, unless that would be read by others."""
        server, transport = self._current_server, self._transport
        assert server is not None
        assert isinstance(transport, DroppingTransport)
        if server.uri.scheme == "tls" and not transport.is_encrypted:
            raise NotEncryptedError
        return super()._connect_command()

    async def _process_err(self, err_msg: str) -> None:
        """Connect again where the client would close: all but what only one message is about."""
        if PERMISSIONS_ERR in err_msg:
            await super()._process_err(err_msg)
        else:
            await self._process_op_err(nats.errors.Error(f"nats: {err_msg}"))


class DroppingTransport(TcpTransport):
    """A connection that is closed in time, though the other side takes nothing any more."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._introduction = b""

    def write(self, payload: bytes) -> None:
        """Send it, but who this is only with the question behind it.

        A NATS that does not let this client in says why and closes; a question that came afterwards
        would be answered with a reset, which overtakes its words.
        """
        if payload.startswith(CONNECT_OP):
            self._introduction = payload
        else:
            super().write(self._introduction + payload)  # type: ignore[no-untyped-call]
            self._introduction = b""

    def abort(self) -> None:
        """Drop the connection, if there is one."""
        if self._io_writer is not None:
            self._io_writer.transport.abort()

    def __bool__(self) -> bool:
        """Tell that it is one: else the client takes another."""
        return True

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent now is read by the other side alone."""
        writer = self._io_writer
        return writer is not None and writer.get_extra_info("ssl_object") is not None

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Connect; where the last try got no further than a connection, that is dropped."""
        self.abort()
        self._introduction = b""
        await super().connect(uri, buffer_size, connect_timeout)

    async def wait_closed(self) -> None:
        """Wait until it is closed, no longer than allowed."""
        writer = self._io_writer
        if writer is None:
            return
        closing = asyncio.ensure_future(super().wait_closed())  # type: ignore[no-untyped-call]
        await asyncio.wait((closing,), timeout=CLOSE_PATIENCE_S)
        if not closing.done():
            self.abort()
        await closing
