"""What takes a server down: signals of its own process, or orders of the one that started it.

Theory of operation. A server by itself counts its signals: the second cuts sessions off. One of
several that share a port has a process above it, which counts for all of them and gives its orders
over a pipe. Signals of its own then say no more than the first would: whoever ends services may
send the same one to every process, and that must not count as two. Where the pipe ends, so has the
process above, and nobody could end this one any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.server.draining import Draining

EndingOrder = Literal["drain", "hurry", "cut off"]
"""As `Draining` has them."""
ORDERS: Final[tuple[EndingOrder, ...]] = get_args(EndingOrder)

ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class WayDown:
    """How a server was told to go down."""

    def __init__(self, draining: Draining) -> None:
        self.second_signal: signal.Signals | None = None
        """The one that cut sessions off, if there was one."""
        self.was_told = False
        """Whether a signal or an order was the reason; else an operator asked from afar."""
        self._draining = draining
        self._count = 0

    def obey_signals(self) -> None:
        """Go down by signals; the second one cuts sessions off, the third ends the process."""
        loop = asyncio.get_running_loop()
        for one in ENDING_SIGNALS:
            loop.add_signal_handler(one, self._receive_signal, one)

    @contextlib.asynccontextmanager
    async def obeying_orders(self, pipe: int) -> AsyncIterator[None]:
        """Go down by the lines that come over a pipe, and gently by signals."""
        loop = asyncio.get_running_loop()
        for one in ENDING_SIGNALS:
            loop.add_signal_handler(one, self._begin_by_signal, one)
        orders = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(orders), os.fdopen(pipe, "rb", buffering=0)
        )
        obeying = asyncio.create_task(self._obey(orders))
        try:
            yield
        finally:
            obeying.cancel()
            await asyncio.gather(obeying, return_exceptions=True)
            transport.close()
            for one in ENDING_SIGNALS:  # it ends: one more must not make its end a failure
                loop.remove_signal_handler(one)
                signal.signal(one, signal.SIG_IGN)

    def _receive_signal(self, number: signal.Signals) -> None:
        self._count += 1
        if self._count == 1:
            self._begin_by_signal(number)
            return
        self.second_signal = number
        self._draining.cut_off()
        loop = asyncio.get_running_loop()
        for one in ENDING_SIGNALS:
            loop.remove_signal_handler(one)
            # A third one ends the process at once. Not with Python's own KeyboardInterrupt: that
            # unwinds under running engine threads, which aborts the process with a core dump.
            signal.signal(one, signal.SIG_DFL)

    def _begin_by_signal(self, number: signal.Signals) -> None:
        self.was_told = True
        if number is signal.SIGTERM:
            self._draining.begin()
        else:  # somebody waits at the keyboard
            self._draining.hurry()

    async def _obey(self, orders: asyncio.StreamReader) -> None:
        while line := await orders.readline():
            self._carry_out(line.decode().strip())
        self._carry_out("hurry")

    def _carry_out(self, order: str) -> None:
        self.was_told = True
        match order:
            case "drain":
                self._draining.begin()
            case "hurry":
                self._draining.hurry()
            case "cut off":
                self._draining.cut_off()
