from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.errors import ServerFault
from scribewire.server.page import SAFETY, PageFile, installed_page, read_page
from scribewire.testing.running import RunningServer, run_server
from tests.parts.plain_http import PlainAnswer, ask

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
SAFE = {name.lower(): value for name, value in SAFETY.items()}
FILES = {file.path: file for file in installed_page()}


async def get(server: RunningServer, path: str, **fields: str) -> PlainAnswer:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return await ask(server.address.port, path, named)


def kept_to(answer: PlainAnswer) -> dict[str, str]:
    """Return what an answer tells a browser to keep to."""
    return {name: value for name, value in answer.fields.items() if name in SAFE}


@pytest.mark.parametrize("path", FILES)
async def test_each_file_is_served_as_what_it_is_and_keeps_to_its_rules(
    path: str, server: RunningServer
) -> None:
    answer = await get(server, path)

    assert (answer.status, answer.body) == (200, FILES[path].body)
    assert answer.fields["content-type"] == FILES[path].media_type
    assert answer.fields["cache-control"] == "no-cache"
    assert "content-encoding" not in answer.fields
    assert kept_to(answer) == SAFE


async def test_the_head_of_a_file_tells_the_same_without_its_body(server: RunningServer) -> None:
    head = await ask(server.address.port, "/", method="HEAD")
    answer = await get(server, "/")

    assert (head.status, head.body, head.fields) == (200, b"", answer.fields)
    assert head.fields["content-length"] == str(len(FILES["/"].body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_files_are_read_and_nothing_else(method: str, server: RunningServer) -> None:
    answer = await ask(server.address.port, "/", method=method)

    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD")
    assert kept_to(answer) == SAFE


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("identity, *;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("", False),
    ],
)
async def test_a_file_is_packed_for_those_who_take_it(
    accepted: str, *, is_packed: bool, server: RunningServer
) -> None:
    answer = await get(server, "/", Accept_Encoding=accepted)

    assert (answer.fields.get("content-encoding") == "gzip") is is_packed
    body = gzip.decompress(answer.body) if is_packed else answer.body
    assert body == FILES["/"].body
    assert answer.fields["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("fields", [{}, GZIP], ids=["plain", "packed"])
async def test_a_file_that_a_browser_has_is_not_sent_again(
    fields: dict[str, str], server: RunningServer
) -> None:
    port = server.address.port
    etag = (await ask(port, "/", fields)).fields["etag"]

    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await ask(port, "/", {**fields, "If-None-Match": condition})
        assert (answer.status, answer.body, answer.fields["etag"]) == (304, b"", etag)
        assert not {"content-length", "content-encoding", "content-type"} & answer.fields.keys()
        assert kept_to(answer) == SAFE


async def test_a_file_is_sent_to_those_who_have_another(server: RunningServer) -> None:
    plain, packed = await get(server, "/"), await ask(server.address.port, "/", GZIP)

    assert plain.fields["etag"] != packed.fields["etag"]
    for condition in (packed.fields["etag"], '"other"', plain.fields["etag"].strip('"')):
        answer = await get(server, "/", If_None_Match=condition)
        assert (answer.status, answer.body) == (200, FILES["/"].body)


@pytest.mark.parametrize(
    "path",
    [
        "/page",
        "/page/",
        "/sdk/",
        "//",
        "/index.html",
        "/page/index.html",
        "/page/page.css/",
        "/page//page.css",
        "/page/./page.css",
        "/page/../page/page.css",
        "/page/%2e%2e/page/page.css",
        "/page/..%2fpage.css",
        "/page/..\\page.css",
        "/page/page.css%00",
        "/PAGE/page.css",
        "/sdk/../../pyproject.toml",
        "/page/%2e%2e/%2e%2e/pyproject.toml",
        "/page//etc/passwd",
        "/page/~root",
    ],
)
async def test_what_is_not_in_the_table_is_not_there(path: str, server: RunningServer) -> None:
    answer = await get(server, path)

    assert (answer.status, json.loads(answer.body)["error"]) == (404, "not found")


async def test_without_the_page_nothing_of_it_is_served() -> None:
    async with run_server(page=False) as server:
        assert {(await get(server, path)).status for path in FILES} == {404}


async def test_a_websocket_is_none_of_the_page(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus, match="404"):
        async with server.dial("/"):
            pass


def test_the_page_runs_its_own_scripts_and_asks_its_own_server_alone() -> None:
    policy = {
        name: set(sources)
        for name, *sources in (part.split() for part in SAFE["content-security-policy"].split(";"))
    }

    assert policy == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'"},
        "img-src": {"'self'", "data:"},
        "font-src": {"'self'"},
        "connect-src": {"'self'"},
        "worker-src": {"'self'"},
        "media-src": {"'self'", "blob:"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
        "frame-ancestors": {"'none'"},
    }


def test_the_page_may_hear_and_neither_see_nor_find_out_where_it_is() -> None:
    rules = dict(rule.split("=") for rule in SAFE["permissions-policy"].split(", "))

    assert {rules["microphone"], rules["display-capture"]} == {"(self)"}
    assert {rules["camera"], rules["geolocation"], rules["usb"]} == {"()"}
    assert set(rules.values()) == {"(self)", "()"}
    assert len(rules) == SAFE["permissions-policy"].count("=")  # none twice


def test_what_lies_beside_the_files_of_a_page_is_not_served(tmp_path: Path) -> None:
    page, sdk = tmp_path / "web", tmp_path / "src"
    beside = ("README.md", "page.js.map", "key.pem", ".hidden", "page.ts", "index")
    for name in ("index.html", "page.js", "icons/mark.svg", "icons/index.html", *beside):
        (page / name).parent.mkdir(parents=True, exist_ok=True)
        (page / name).write_text(name)
    sdk.mkdir()
    for name in ("index.js", "index.d.ts", "index.html"):
        (sdk / name).write_text(name)

    files = {file.path: file.body.decode() for file in read_page(page, sdk)}

    assert files == {
        "/": "index.html",
        "/page/page.js": "page.js",
        "/page/icons/mark.svg": "icons/mark.svg",
        "/page/icons/index.html": "icons/index.html",
        "/sdk/index.js": "index.js",
        "/sdk/index.html": "index.html",
    }


def test_a_file_is_kept_packed_where_that_is_shorter(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("short")
    (tmp_path / "long.js").write_text("long;" * 100)
    (tmp_path / "picture.png").write_bytes(bytes(1000))  # these are packed by themselves

    files: dict[str, PageFile] = {
        file.path: file for file in read_page(tmp_path, tmp_path / "none")
    }

    assert [path for path, file in files.items() if file.packed] == ["/page/long.js"]


def test_a_page_that_is_not_there_is_a_fault_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ServerFault, match=r"no file .*index\.html; .* --no-page"):
        read_page(tmp_path, tmp_path)
