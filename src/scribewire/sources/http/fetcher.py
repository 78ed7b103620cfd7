"""Fetch what clients name, and reach nothing that they may not.

Theory of operation. Each request, and each redirect as a new request, goes through three gates:
`check_url` reads the URL; `CheckedResolver` looks its name up once for each connection and has
every address checked; the connection is made to those very addresses, so a name that changes
afterwards changes nothing. Redirects are followed here, not by the library; neither proxies nor
cookies of the environment take part.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from scribewire import __version__
from scribewire.sources.faults import connection_timeout, invalid_stream
from scribewire.sources.http.addresses import AddressPolicy
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.icy_connection import open_icy
from scribewire.sources.http.limits import FetchLimits
from scribewire.sources.http.resolver import CheckedResolver, LookUp, is_address, system_look_up
from scribewire.sources.http.response import REDIRECTS, BodyEnd, Reply, Response, check_answer
from scribewire.sources.http.urls import HttpUrl, check_url

__all__ = ["FetchLimits", "GuardedFetcher", "LookUp", "Response", "system_look_up"]


class GuardedFetcher:
    """Open URLs under one policy. Use as an async context manager."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        look_up: LookUp = system_look_up,
        limits: FetchLimits = FetchLimits(),  # noqa: B008 - it is frozen
    ) -> None:
        self._resolver = CheckedResolver(policy, look_up)
        self.limits = limits

    async def __aenter__(self) -> Self:
        self._tls = ssl.create_default_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,
                ssl=self._tls,
                limit=0,  # sessions are limited, not what they fetch
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # ours are below
            auto_decompress=False,
            trust_env=False,
            max_line_size=self.limits.line_bytes,
            max_field_size=self.limits.line_bytes,
            max_headers=self.limits.header_fields,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def open(
        self,
        url: str | HttpUrl,
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
                    asked = check_url(url) if isinstance(url, str) else url
                    final_url, answer = await self._follow(asked, fields, stack)
            except TimeoutError:
                raise connection_timeout(self.limits.connect_s) from None
            yield Response(answer, final_url, self.limits)

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
        if is_address(url.host):  # the library does not ask its resolver about these
            await self._resolver.addresses_of(url.host, url.port)
        with _telling_faults():
            try:
                return await attempt.enter_async_context(self._ask_http(url, fields))
            except aiohttp.ClientResponseError:
                addresses = await self._resolver.addresses_of(url.host, url.port)
                icy = open_icy(url, addresses, fields=fields, tls=self._tls, limits=self.limits)
                return _guarded(await attempt.enter_async_context(icy))

    @asynccontextmanager
    async def _ask_http(self, url: HttpUrl, fields: dict[str, str]) -> AsyncIterator[Reply]:
        # From the checked parts, so that the library reads the URL as we did.
        path, _, query = url.target.partition("?")
        target = URL.build(
            scheme=url.scheme,
            host=url.host,
            port=url.port,
            path=path,
            query_string=query,
            encoded=True,
        )
        response = await self._session.get(target, headers=fields, allow_redirects=False)
        connection = response.connection
        protocol = connection.protocol if connection is not None else None
        headers = Headers(response.headers.items())
        ends_by = _end_of_body(headers)

        async def read_some() -> bytes:
            data = await response.content.readany()
            if not data and ends_by is BodyEnd.CLOSE and protocol is not None:
                lost = protocol.exception()
                if isinstance(lost, OSError):  # the library takes a reset for the end here
                    raise lost
            return data

        try:
            yield _guarded(
                Reply(status=response.status, headers=headers, read_some=read_some, ends_by=ends_by)
            )
        finally:
            response.close()


def _with_credentials(fields: dict[str, str], url: HttpUrl) -> dict[str, str]:
    if url.authorization is None:
        return fields
    return {**fields, "Authorization": url.authorization}


def _end_of_body(headers: Headers) -> BodyEnd:
    if "transfer-encoding" in headers:
        return BodyEnd.MARK
    return BodyEnd.LENGTH if "content-length" in headers else BodyEnd.CLOSE


def _guarded(answer: Reply) -> Reply:
    async def read_some() -> bytes:
        with _telling_faults():
            return await answer.read_some()

    return replace(answer, read_some=read_some)


@contextmanager
def _telling_faults() -> Iterator[None]:
    """Turn what goes wrong on a connection into the `SourceFault` it means."""
    try:
        yield
    except TimeoutError:
        raise  # of the limits on time; the caller knows which
    except (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError) as error:
        raise invalid_stream("TLS failure, the certificate is not valid") from error
    except (ssl.SSLError, aiohttp.ClientSSLError) as error:
        raise invalid_stream("TLS failure, no secure connection could be made") from error
    except (ConnectionRefusedError, aiohttp.ClientConnectorError) as error:
        raise invalid_stream("the server cannot be reached", is_transient=True) from error
    except (OSError, EOFError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError) as lost:
        raise invalid_stream("the connection broke off", is_transient=True) from lost
    except aiohttp.ClientError as error:
        raise invalid_stream("the server's answer is not HTTP") from error
