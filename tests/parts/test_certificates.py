from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.parts.certificates import Certified, certify, served_with

if TYPE_CHECKING:
    from pathlib import Path

ROOT = certify("A root", is_authority=True)
MIDDLE = certify("An intermediate", by=ROOT, is_authority=True)
LEAF = certify("a.example", by=MIDDLE)
ADDRESS = certify("127.0.0.1", by=ROOT)


def shake_hands(server: ssl.SSLContext, trusted: Certified, host: str) -> None:
    """Let two sides speak over memory. Raises `ssl.SSLError`."""
    client = ssl.create_default_context(cadata=trusted.pem.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as from Python 3.13 on
    one, other = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
    asking = client.wrap_bio(one[0], one[1], server_hostname=host)
    answering = server.wrap_bio(other[0], other[1], server_side=True)
    for _ in range(4):
        for side, out, into in ((asking, one[1], other[0]), (answering, other[1], one[0])):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            into.write(out.read())


@pytest.mark.parametrize(
    ("own", "others", "host"),
    [(LEAF, (MIDDLE,), "a.example"), (ADDRESS, (), "127.0.0.1"), (ADDRESS, (ROOT,), "127.0.0.1")],
)
def test_a_chain_that_is_whole_is_trusted(
    own: Certified, others: tuple[Certified, ...], host: str, tmp_path: Path
) -> None:
    shake_hands(served_with(own, *others, folder=tmp_path), ROOT, host)


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(served_with(LEAF, folder=tmp_path), ROOT, "a.example")
