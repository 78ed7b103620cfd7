"""Fetch what clients name, and reach nothing that they may not.

Theory of operation. Each request, and each redirect as a new request, goes through four gates: its
URL has been read (`urls.py`); its host is one that this source may have; `CheckedResolver` looks
its name up once for each connection and has every address checked; the connection is made to those
very addresses, so a name that changes afterwards changes nothing. Proxies of the environment take
no part. A fetcher keeps nothing of what it fetches; `for_one_source` keeps the cookies of one
source, and counts the work it makes.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from scribewire import __version__
from scribewire.sources.faults import connection_timeout, host_not_granted, invalid_stream
from scribewire.sources.http.addresses import AddressPolicy
from scribewire.sources.http.connection import ask
from scribewire.sources.http.cookies import CookieJar
from scribewire.sources.http.effort import OPEN_S, Effort
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.resolver import CheckedResolver, LookUp, system_look_up
from scribewire.sources.http.response import REDIRECTS, Reply, Response, check_answer
from scribewire.sources.http.tls import trusting
from scribewire.sources.http.urls import HttpUrl

__all__ = ["FetchLimits", "GuardedFetcher", "LookUp", "Response", "system_look_up"]


class GuardedFetcher:
    """Open URLs under one policy. Use as an async context manager."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        look_up: LookUp = system_look_up,
        limits: FetchLimits = FetchLimits(),  # noqa: B008 - it is frozen
        extra_ca: Path | None = None,
    ) -> None:
        """`extra_ca` is a PEM file: who is in it is believed besides those of the system."""
        self._resolver = CheckedResolver(policy, look_up)
        self._extra_ca = extra_ca
        self.limits = limits
        self._cookies: CookieJar | None = None
        self._effort: Effort | None = None
        self._may_reach: Callable[[str], bool] = _everywhere

    async def __aenter__(self) -> Self:
        self._tls = trusting(self._extra_ca)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is held open."""

    def for_one_source(self, may_reach: Callable[[str], bool] | None = None) -> GuardedFetcher:
        """Return one for all that one source leads to: it keeps its cookies, and counts its work.

        `may_reach` tells of each host whether this source may, besides what the policy says. It is
        good for as long as this one is open.
        """
        one = copy.copy(self)
        one._cookies, one._effort = CookieJar(), Effort()  # noqa: SLF001 - its own
        one._may_reach = may_reach or _everywhere  # noqa: SLF001
        return one

    async def spend(self, work_s: float) -> None:
        """Note work on what was fetched, and rest where the source makes too much of it."""
        if self._effort is not None:
            await self._effort.spend(work_s)

    @asynccontextmanager
    async def open(
        self,
        url: HttpUrl,
        *,
        start: int | None = None,
        end: int | None = None,
        accepts_icy: bool = False,
    ) -> AsyncIterator[Response]:
        """Ask for a URL, from byte `start` on and before byte `end`, and give what has the media.

        A server may send everything though a part was asked for: then the status is 200.
        """
        fields = {
            "User-Agent": f"scribewire/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        if start is not None:
            fields["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if accepts_icy:
            fields["Icy-MetaData"] = "1"
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self.limits.connect_s):
                    final_url, answer = await self._follow(url, fields, stack)
            except TimeoutError:
                raise connection_timeout(self.limits.connect_s) from None
            yield Response(answer, final_url, self.limits, self._effort)

    async def _follow(
        self, url: HttpUrl, fields: dict[str, str], stack: AsyncExitStack
    ) -> tuple[HttpUrl, Reply]:
        for _ in range(self.limits.redirects + 1):
            async with AsyncExitStack() as attempt:
                answer = await self._ask(url, _with_credentials(fields, url), attempt)
                location = answer.headers.get("location")
                if answer.status not in REDIRECTS or not location:
                    await check_answer(answer, url, self.limits)
                    stack.push_async_exit(attempt.pop_all())
                    return url, answer
            following = url.join(location)
            is_downgrade = url.scheme == "https" and following.scheme == "http"
            if is_downgrade and (url.authorization or following.authorization):
                cause = "it redirects from https to http, which would show the password"
                raise invalid_stream(cause)
            url = following
        raise invalid_stream(f"it redirects more than {self.limits.redirects} times")

    async def _ask(self, url: HttpUrl, fields: dict[str, str], attempt: AsyncExitStack) -> Reply:
        if not self._may_reach(url.host):
            raise host_not_granted(url.host)
        addresses = await self._resolver.addresses_of(url.host, url.port)
        if self._cookies is not None and (cookies := self._cookies.header_for(url, time.time())):
            fields = {**fields, "Cookie": cookies}
        asking = ask(url, addresses, fields=fields, tls=self._tls, limits=self.limits)
        answer = await attempt.enter_async_context(asking)
        if self._cookies is not None:
            self._cookies.receive(url, answer.headers.all("set-cookie"), time.time())
        await self.spend(OPEN_S)
        return answer


def _everywhere(_host: str) -> bool:
    return True


def _with_credentials(fields: dict[str, str], url: HttpUrl) -> dict[str, str]:
    if url.authorization is None:
        return fields
    return {**fields, "Authorization": url.authorization}
