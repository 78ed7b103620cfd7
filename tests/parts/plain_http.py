"""One HTTP request to a program on loopback, without a library and without a guard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAnswer:
    """What came back."""

    status: int
    fields: dict[str, str]
    """The header, names in lower case."""
    body: bytes


async def ask(
    port: int,
    target: str,
    fields: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> PlainAnswer:
    """Send one request and read its answer, as much of the body as comes.

    Raises OSError or asyncio.IncompleteReadError when nobody answers.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        asked = {
            "Host": f"127.0.0.1:{port}",
            "Connection": "close",
            **({"Content-Length": str(len(body))} if method in {"POST", "PUT", "PATCH"} else {}),
            **(fields or {}),
        }
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {asked[name]}" for name in asked)]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
        pairs = (line.partition(":") for line in rest)
        found = {name.strip().lower(): value.strip() for name, _, value in pairs}
        came = b"" if method == "HEAD" else await _read_body(reader, found)
        return PlainAnswer(status=int(first.split(" ")[1]), fields=found, body=came)
    finally:
        writer.close()


async def _read_body(reader: asyncio.StreamReader, fields: Mapping[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    if "content-length" not in fields:
        return await reader.read()
    try:
        return await reader.readexactly(int(fields["content-length"]))
    except asyncio.IncompleteReadError as cut:
        return cut.partial


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).partition(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    return body
