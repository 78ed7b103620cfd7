from __future__ import annotations

import asyncio
import socket

import pytest

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.remote import RemoteAnswer, RemoteServer
from scribewire.testing.running import run_server
from tests.parts.raw_origin import head, run_raw_origin


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("ws://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("wss://captions.example/", "https://captions.example"),
        ("https://site.example/captions/", "https://site.example/captions"),
        ("wss://captions.example/v2/realtime", "https://captions.example"),
        ("ws://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_server_is_named_as_clients_name_it(address: str, url: str) -> None:
    assert RemoteServer.at(address, "key-1").url == url


@pytest.mark.parametrize(
    "address", ["", "captions.example:8000", "ftp://captions.example", "ws://", "ws://a:99999"]
)
def test_what_is_no_address_is_a_usage_error(address: str) -> None:
    with pytest.raises(CommandFault, match="expected the address of a server") as caught:
        RemoteServer.at(address, "key-1")

    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("key", "words"), [("", "missing key"), ("schlüssel", "--key"), ("a\nb", "--key")]
)
def test_a_key_that_cannot_be_sent_is_a_usage_error(key: str, words: str) -> None:
    with pytest.raises(CommandFault, match=words) as caught:
        RemoteServer.at("ws://127.0.0.1:1", key)

    assert caught.value.code is ExitCode.USAGE


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(RemoteServer.at("ws://127.0.0.1:1", "secret"))


async def test_an_answer_is_given_whatever_its_status() -> None:
    async with run_server() as server:
        remote = RemoteServer.at(server.address.url, "key-1")
        health = await asyncio.to_thread(remote.ask, "GET", "/healthz")
        refused = await asyncio.to_thread(remote.ask, "GET", "/v1/admin/keys")

    assert (health.status, health.fields["status"]) == (200, "ok")
    assert refused.status == 403
    assert "--admin" in refused.message


async def test_a_redirect_takes_the_key_nowhere() -> None:
    async with (
        run_raw_origin() as elsewhere,
        run_raw_origin(head("302 Found", f"Location: {elsewhere.url()}")) as origin,
    ):
        remote = RemoteServer.at(origin.url(""), "key-1")
        answer = await asyncio.to_thread(remote.ask, "GET", "/healthz")

    assert answer == RemoteAnswer(302, {})
    assert elsewhere.requests == []


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(CommandFault, match=f"cannot reach 127.0.0.1:{port}: ") as caught:
        RemoteServer.at(f"ws://127.0.0.1:{port}", "key-1").ask("GET", "/healthz")

    assert caught.value.code is ExitCode.UNREACHABLE
