"""A finite resource as its bytes, over as many connections as it takes.

Theory of operation. When the body breaks off, stalls or is reset, the rest is asked for from the
byte that was handed over last; what the library held back by then is asked for once more. A
connection that brought enough earns the next one at once, since many servers hang up on whoever
reads as slowly as audio is recognized. One that brought little has to wait, longer each time,
so that a server that hangs up after each byte is asked a bounded number of times. Each answer
must be about the same resource as the first one: no byte of another is ever handed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.http.response import Response
from scribewire.sources.retry import Backoff, RetryRules

ENOUGH_BYTES = 64 * 1024  # 4 s at 128 kbit/s; what servers send at once

_RANGE_NOT_SATISFIABLE = 416
_VALIDATORS = ("etag", "last-modified")

Reopen: TypeAlias = Callable[[int, int], AbstractAsyncContextManager[Response]]
"""Ask for the resource once more: from a byte on, and before another."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as a test may want it to pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


class Download:
    """One finite resource. Iterate over `chunks` once; whoever watches waits for `turned`."""

    def __init__(
        self,
        first: Response,
        reopen: Reopen,
        retry: RetryRules,
        clock: Clock = Clock(),
    ) -> None:
        assert first.length is not None, "what has no length cannot be resumed"
        self._first = first
        self._length = first.length
        self._reopen = reopen
        self._clock = clock
        self._backoff = Backoff(retry, clock.random)
        self._received = 0  # bytes handed over
        self._unrewarded = 0  # of these, what has not yet earned a connection
        self._fault = _broke_off()  # what ended the latest connection
        self.interruption: str | None = None
        """Why nothing comes at the moment, fit for a log; None while bytes come."""
        self.turned = asyncio.Event()
        """Set whenever `interruption` changes; clear it before you look."""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give all bytes once and in order.

        Raises SourceFault when the rest cannot be had: at once where trying again cannot help,
        with close code 1011 when it was tried for as long as the rules say.
        """
        try:
            async for chunk in self._rest_of(self._first):
                yield chunk
        except SourceFault as found:
            self._fault = _unless_final(found)
        while self._received < self._length:
            await self._wait(self._fault)
            async with contextlib.aclosing(self._resume()) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _resume(self) -> AsyncGenerator[bytes, None]:
        """Give what another connection brings; what breaks it off is kept in `_fault`."""
        self._fault = _broke_off()
        try:
            async with self._reopen(self._received, self._length) as response:
                _check_same(self._first, response)
                async for chunk in self._rest_of(response):
                    self._note(None)
                    yield chunk
        except SourceFault as found:
            self._fault = _unless_final(found)

    async def _rest_of(self, response: Response) -> AsyncGenerator[bytes, None]:
        """Give what is new in an answer, which may begin before the byte that is due."""
        known = self._received - response.start
        if known < 0:
            raise invalid_stream("the download broke off, and the server leaves out a part of it")
        async for chunk in response.chunks():
            fresh = chunk[known : known + self._length - self._received]
            known = max(known - len(chunk), 0)
            if fresh:
                self._received += len(fresh)
                self._unrewarded += len(fresh)
                yield fresh
            if self._received == self._length:
                return  # whatever else the server sends

    async def _wait(self, fault: SourceFault) -> None:
        """Wait until the rest may be asked for, or raise `fault` as our failure."""
        if self._unrewarded >= ENOUGH_BYTES:
            self._unrewarded = 0
            self._backoff.note_audio()
            return
        wait_s = self._backoff.next_wait_or_raise(fault, self._clock.now())
        self._note(fault.message)
        await self._clock.sleep(wait_s)

    def _note(self, interruption: str | None) -> None:
        if (self.interruption is None) is not (interruption is None):
            self.turned.set()
        self.interruption = interruption


def _broke_off() -> SourceFault:
    return invalid_stream("the download broke off", is_transient=True)


def _unless_final(fault: SourceFault) -> SourceFault:
    """Return a fault that may pass; raise one that does not.

    A file that was there and is said to be gone, or to need a password, has a definite answer:
    it was taken away, or its signed URL has expired. Waiting would only put off saying so.
    """
    if fault.is_transient:
        return fault
    if fault.status == _RANGE_NOT_SATISFIABLE:
        raise _changed() from fault
    raise fault


def _check_same(first: Response, other: Response) -> None:
    for name in _VALIDATORS:
        before, now = first.headers.get(name), other.headers.get(name)
        if before and now and _opaque(before) != _opaque(now):
            raise _changed()
    if other.length is None:
        raise invalid_stream("the download broke off, and the server cannot resume it")
    if other.length != first.length:
        raise _changed()


def _opaque(validator: str) -> str:
    """Drop the mark of a weak one: a server may set it on one kind of answer only."""
    return validator.removeprefix("W/")


def _changed() -> SourceFault:
    return invalid_stream("the file changed while it was being read")
