from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys

import pytest

from scribewire.errors import ServerFault
from scribewire.server.address import Address, address_of, bind, explain, listen, open_port

EVERY_NETWORK = "0.0.0.0"  # noqa: S104 - where this is warned of
UNKNOWN = [
    # what a person types, as somebody may
    "nonsense.invalid",
    "http://localhost",
    "localhost:8000",
    "a b",
    "::1::2",
    "1.2.3.4.5",
    "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 80,
    "x" * 300,
    "a\0b",
]


@pytest.mark.parametrize(
    ("address", "url", "page_url"),
    [
        (Address("127.0.0.1", 8000), "ws://127.0.0.1:8000", "http://127.0.0.1:8000/"),
        (Address("::1", 80), "ws://[::1]:80", "http://[::1]:80/"),
        (Address("::1", 80, is_secure=True), "wss://[::1]:80", "https://[::1]:80/"),
    ],
)
def test_an_address_has_a_url_for_clients_and_one_for_browsers(
    address: Address, url: str, page_url: str
) -> None:
    assert (address.url, address.page_url) == (url, page_url)


@pytest.mark.parametrize(
    ("address", "is_overheard"),
    [
        (Address("127.0.0.1", 8000), False),
        (Address("::1", 8000), False),
        (Address(EVERY_NETWORK, 8000), True),
        (Address("::", 8000), True),
        (Address("192.0.2.1", 8000), True),
        (Address("fe80::1%eth0", 8000), True),
        (Address(EVERY_NETWORK, 8000, is_secure=True), False),
    ],
)
def test_without_tls_what_comes_from_elsewhere_is_overheard(
    address: Address, *, is_overheard: bool
) -> None:
    assert address.is_overheard is is_overheard


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.0.1", socket.AF_INET), ("localhost", socket.AF_INET), ("::1", socket.AF_INET6)],
)
def test_a_name_or_an_address_is_listened_on(host: str, family: socket.AddressFamily) -> None:
    with listen(host, 0) as listening:
        assert listening.family == family


@pytest.mark.parametrize("host", UNKNOWN)
def test_what_is_no_address_is_not_blamed_on_the_port(host: str) -> None:
    with pytest.raises(ServerFault) as raised:
        listen(host, 0)

    assert "no such name or address" in str(raised.value)
    assert "--host" in str(raised.value)
    assert "--port" not in str(raised.value)


def test_an_address_of_another_machine_is_told_so() -> None:
    with pytest.raises(ServerFault, match="an address of this machine") as raised:
        listen("192.0.2.1", 0)

    assert "--port" not in str(raised.value)


def test_a_port_in_use_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(ServerFault, match=f"port {port}: .*stop what listens there or choose"):
            listen("127.0.0.1", port)


def test_an_address_is_taken_before_anybody_may_come() -> None:
    with bind("127.0.0.1", 0) as bound:
        address = address_of(bound, is_secure=True)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.host, address.port))
        for _ in range(2):  # each of several processes says so
            open_port(bound, address.host, address.port)

        socket.create_connection((address.host, address.port)).close()

    assert address == Address("127.0.0.1", address.port, is_secure=True)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EADDRINUSE, "stop what listens there"),
        (errno.EINVAL, "fe80::1%eth0"),
        (errno.ENOBUFS, "another --host or --port"),
    ],
)
def test_each_reason_has_its_remedy(number: int, remedy: str) -> None:
    words = explain(OSError(number, os.strerror(number)), "127.0.0.1", 80)

    assert words.startswith(f"cannot listen on 127.0.0.1 port 80: {os.strerror(number)}; ")
    assert remedy in words


@pytest.mark.slow
def test_a_port_without_the_right_to_it_is_told_so() -> None:
    program = "from scribewire.server.address import listen; listen('127.0.0.1', 80)"
    in_namespace = ["unshare", "--user"]  # there nobody has a right to anything
    if shutil.which("unshare") is None:
        pytest.skip("no program to make a user namespace with")
    if subprocess.run([*in_namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")

    ended = subprocess.run(
        [*in_namespace, sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    if not ended.returncode:
        pytest.skip("port 80 is open to everybody here")
    assert "cannot listen on 127.0.0.1 port 80: Permission denied; take a port from" in ended.stderr
