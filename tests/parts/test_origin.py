from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.origin import HangUp, Origin, Reset, Stall, Status, run_origin
from tests.parts.playlists import RollingPlaylist, Segment

BODY = bytes(range(256)) * 1000
LIST = '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="a.key"\n#EXTINF:1,\na.ts\n'


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    folder = tmp_path / "served"
    folder.mkdir()
    (tmp_path / "secret.ts").write_text("secret")
    (folder / "a.ts").write_bytes(BODY)
    (folder / "a.m3u8").write_text(LIST)
    async with run_origin(folder) as running:
        yield running


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> Answer:
    """Read one; the body as far as it comes."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = b""
    length = int(fields["content-length"]) if has_body else 0
    while len(body) < length and (piece := await reader.read(length - len(body))):
        body += piece
    return Answer(int(first.split()[1]), fields, body)


async def ask(origin: Origin, target: str, *fields: str, method: str = "GET") -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
    try:
        head = [f"{method} {target} HTTP/1.1", "Host: origin", *fields, "", ""]
        writer.write("\r\n".join(head).encode())
        return await read_answer(reader, has_body=method != "HEAD")
    finally:
        writer.close()


async def test_a_file_comes_whole_and_the_request_is_noted(origin: Origin) -> None:
    answer = await ask(origin, "/a.ts?x=1&y=%20", "Accept: */*")

    assert (answer.status, answer.body) == (200, BODY)
    assert answer.fields["content-type"] == "video/mp2t"
    (request,) = origin.requests
    assert (request.method, request.target) == ("GET", "/a.ts?x=1&y=%20")
    assert request.query == {"x": ["1"], "y": [" "]}
    assert request.fields == {"host": "origin", "accept": "*/*"}


async def test_a_connection_carries_more_than_one_request(origin: Origin) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
    writer.write(b"GET /a.ts HTTP/1.1\r\n\r\n" * 2)

    assert [(await read_answer(reader)).body for _ in range(2)] == [BODY, BODY]
    writer.close()


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        ("bytes=10-19", 206, "bytes 10-19/256000", BODY[10:20]),
        ("bytes=255990-", 206, "bytes 255990-255999/256000", BODY[-10:]),
        ("bytes=-10", 206, "bytes 255990-255999/256000", BODY[-10:]),
        ("bytes=0-999999", 206, "bytes 0-255999/256000", BODY),
        ("bytes=256000-", 416, "bytes */256000", None),
        ("bytes=x-", 200, None, BODY),
        ("bytes=-", 200, None, BODY),
    ],
)
async def test_a_range_is_answered_with_that_part(
    origin: Origin, asked: str, status: int, content_range: str | None, body: bytes | None
) -> None:
    answer = await ask(origin, "/a.ts", f"Range: {asked}")

    assert (answer.status, answer.fields.get("content-range")) == (status, content_range)
    assert body is None or answer.body == body


async def test_a_range_of_what_has_changed_is_not_answered(origin: Origin) -> None:
    etag = (await ask(origin, "/a.ts", method="HEAD")).fields["etag"]

    same = await ask(origin, "/a.ts", "Range: bytes=9-", f"If-Range: {etag}")
    other = await ask(origin, "/a.ts", "Range: bytes=9-", 'If-Range: "other"')

    assert (same.status, same.body) == (206, BODY[9:])
    assert (other.status, other.body) == (200, BODY)


@pytest.mark.parametrize("target", ["/b.ts", "/", "/../secret.ts", "/%2e%2e/secret.ts"])
async def test_only_what_lies_in_the_folder_is_served(origin: Origin, target: str) -> None:
    assert (await ask(origin, target)).status == 404


async def test_other_methods_are_refused(origin: Origin) -> None:
    assert (await ask(origin, "/a.ts", method="POST")).status == 405


async def test_a_token_is_asked_for_and_handed_out_with_playlists(origin: Origin) -> None:
    origin.token = "t1"

    assert (await ask(origin, "/a.m3u8")).status == 403
    assert (await ask(origin, "/a.m3u8?token=t2")).status == 403
    signed = (await ask(origin, "/a.m3u8?token=t1")).body.decode()
    assert signed == LIST.replace("a.key", "a.key?token=t1").replace("a.ts", "a.ts?token=t1")
    assert origin.url("a.ts") == f"http://127.0.0.1:{origin.port}/a.ts?token=t1"


async def test_user_and_password_are_asked_for(origin: Origin) -> None:
    origin.credentials = ("me", "secret")

    refused = await ask(origin, "/a.ts")
    let_in = await ask(origin, "/a.ts", "Authorization: Basic bWU6c2VjcmV0")

    assert refused.status == 401
    assert refused.fields["www-authenticate"] == 'Basic realm="origin"'
    assert let_in.body == BODY
    assert origin.url("/a.ts") == f"http://me:secret@127.0.0.1:{origin.port}/a.ts"


async def test_playlists_are_compressed_when_told(origin: Origin) -> None:
    origin.gzips_playlists = True

    answer = await ask(origin, "/a.m3u8")

    assert answer.fields["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body).decode() == LIST
    assert (await ask(origin, "/a.ts")).body == BODY


async def test_a_redirect_names_the_other_place(origin: Origin) -> None:
    origin.redirects["/old.ts"] = "/a.ts"

    answer = await ask(origin, "/old.ts")

    assert (answer.status, answer.fields["location"]) == (302, "/a.ts")


async def test_faults_happen_in_order_to_what_they_are_for(origin: Origin) -> None:
    origin.fail("*.ts", Status(404), Status(500), times=2)

    assert (await ask(origin, "/a.m3u8")).status == 200
    assert [(await ask(origin, "/a.ts")).status for _ in range(5)] == [404, 500, 404, 500, 200]
    assert origin.pending_faults == 0
    assert len(origin.asked("*.ts")) == 5


async def test_faults_are_forgotten_when_it_is_healed(origin: Origin) -> None:
    origin.fail("*", Status(503), times=9)
    await ask(origin, "/a.ts")
    assert origin.pending_faults == 8

    origin.heal()

    assert (await ask(origin, "/a.ts")).status == 200


async def test_a_connection_is_reset_in_the_middle(origin: Origin) -> None:
    origin.fail("*", Reset(after_bytes=100), Reset())

    with pytest.raises(ConnectionResetError):
        await ask(origin, "/a.ts")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(origin, "/a.ts")
    assert (await ask(origin, "/a.ts")).body == BODY


async def test_a_connection_is_closed_in_the_middle(origin: Origin) -> None:
    origin.fail("*", HangUp(after_bytes=100), HangUp())

    assert (await ask(origin, "/a.ts")).body == BODY[:100]
    with pytest.raises(asyncio.IncompleteReadError):
        await ask(origin, "/a.ts")


async def test_a_stall_ends_when_it_is_released(origin: Origin) -> None:
    stall = Stall(after_bytes=100)
    origin.fail("*", stall, Stall(after_bytes=100, for_s=0.01))

    asking = asyncio.create_task(ask(origin, "/a.ts"))
    await stall.reached.wait()
    assert not asking.done()
    stall.released.set()

    assert (await asking).body == BODY
    assert (await ask(origin, "/a.ts")).body == BODY


async def test_it_ends_though_somebody_is_waiting_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(BODY)
    async with run_origin(tmp_path) as origin:
        stall = Stall(after_bytes=100)
        origin.fail("*", stall)
        asking = asyncio.create_task(ask(origin, "/a.ts"))
        await stall.reached.wait()

    assert (await asking).body == BODY[:100]


async def test_a_live_playlist_and_its_segments_come_and_go(origin: Origin) -> None:
    segments = [Segment(uri=f"{number}.ts", duration_s=2.0) for number in range(4)]
    for segment in segments:
        (origin.folder / segment.uri).write_text(segment.uri)
    origin.playlists["/live.m3u8"] = RollingPlaylist(segments, window=1, grace=0, speed=0)

    assert (await ask(origin, "/live.m3u8")).body.decode().endswith("0.ts\n")
    assert (await ask(origin, "/0.ts")).body == b"0.ts"
    assert (await ask(origin, "/1.ts")).status == 404
    origin.playlists["/live.m3u8"].advance()
    assert (await ask(origin, "/0.ts")).status == 404
    assert (await ask(origin, "/1.ts")).body == b"1.ts"


async def test_it_starts_again_on_the_same_port(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(BODY)
    async with run_origin(tmp_path) as first:
        assert (await ask(first, "/a.ts")).body == BODY
    async with run_origin(tmp_path, port=first.port) as second:
        assert (await ask(second, "/a.ts")).body == BODY
