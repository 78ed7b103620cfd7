from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from tests.parts.installed import need_part
from tests.parts.private_authority import PrivateAuthority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_it_has_certified_serves_and_is_trusted_to_the_letter(
    host: str, tmp_path: Path
) -> None:
    need_part("openssl")
    authority = PrivateAuthority.make(tmp_path / "authority")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.certify(host))
    client = ssl.create_default_context(cafile=authority.pem)
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does by itself from 3.13 on
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = server.wrap_bio(there, back, server_side=True)
    asking = client.wrap_bio(back, there, server_hostname=host)

    for side in (asking, answering):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    asking.do_handshake()
    answering.do_handshake()

    assert asking.version() == "TLSv1.3"
