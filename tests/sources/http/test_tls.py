"""Whom the fetcher believes, over real connections, and what it says where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from scribewire.errors import ServerFault
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.fetcher import GuardedFetcher
from scribewire.sources.http.tls import trusting
from scribewire.sources.http.urls import check_url
from tests.parts.certificates import Certified, certify, revocations, served_with
from tests.parts.raw_origin import ok, run_raw_origin

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))

ROOT = certify("A root", is_authority=True)
MIDDLE = certify("An intermediate", by=ROOT, is_authority=True)
LEAF = certify("a.example", by=MIDDLE)
ALONE = certify("a.example")
SIGNING = certify("a.example", is_authority=True)
OLD = certify("a.example", by=ROOT, lasts_days=-1)
YOUNG = certify("a.example", by=ROOT, begins_days=1)
OTHER = certify("b.example", by=ROOT)
ADDRESS = certify("127.0.0.1", by=ROOT)
OTHER_ADDRESS = certify("127.0.0.2", by=ROOT)
UNKNOWN = certify("Another root", is_authority=True)
OF_UNKNOWN = certify("a.example", by=UNKNOWN)
MIDDLE_UNKNOWN = certify("Another intermediate", by=UNKNOWN, is_authority=True)
BELOW_UNKNOWN = certify("a.example", by=MIDDLE_UNKNOWN)
OF_HOST = certify("a.example", by=OTHER)  # which is no authority


async def look_up(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def heard(
    chain: tuple[Certified, ...], host: str, folder: Path, named: tuple[Certified, ...] = ()
) -> bytes:
    """Return what such a server says to us, if we have been told to trust those named."""
    extra = folder / "named.pem" if named else None
    if extra is not None:
        extra.write_bytes("Ours, für alle:\n".encode() + b"".join(one.pem for one in named))
    tls = served_with(*chain, folder=folder)
    async with (
        run_raw_origin(ok(b"media"), tls=tls) as server,
        GuardedFetcher(LOOPBACK, look_up=look_up, extra_ca=extra) as fetcher,
        fetcher.open(check_url(server.url("/", host))) as response,
    ):
        return await response.read(10)


@pytest.fixture
def _root_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ROOT is what this machine trusts."""
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))


BELIEVED = [((LEAF, MIDDLE), "a.example"), ((LEAF, MIDDLE, ROOT), "a.example")]
BELIEVED += [((OTHER,), "b.example"), ((ADDRESS,), "127.0.0.1")]


@pytest.mark.usefixtures("_root_of_the_system")
@pytest.mark.parametrize(("chain", "host"), BELIEVED)
async def test_who_has_a_whole_chain_is_believed(
    chain: tuple[Certified, ...], host: str, tmp_path: Path
) -> None:
    assert await heard(chain, host, tmp_path) == b"media"


DOUBTED = [
    # what is sent, the host, what is wrong, what to do
    ((LEAF,), "a.example", "or its chain is not sent whole", "send the intermediate"),
    ((OF_UNKNOWN,), "a.example", "nobody known here vouches for", "to name it (--source-ca)"),
    ((OF_UNKNOWN, UNKNOWN), "a.example", "an authority that is not known", "to name it"),
    ((ALONE,), "a.example", "certificate is signed by itself", "to name it (--source-ca)"),
    ((OLD,), "a.example", "certificate has expired", "ask whoever runs the source to renew it"),
    ((YOUNG,), "a.example", "certificate is not valid yet", "check the clock"),
    ((OTHER,), "a.example", "certificate is for another host", "use the name"),
    ((OTHER_ADDRESS,), "127.0.0.1", "certificate is for another host", "use the name"),
    ((OF_HOST, OTHER), "a.example", "certificate is not valid (", "for a valid one"),
]


@pytest.mark.usefixtures("_root_of_the_system")
@pytest.mark.parametrize(("chain", "host", "cause", "remedy"), DOUBTED)
async def test_what_is_wrong_with_a_certificate_is_told_with_what_to_do(
    chain: tuple[Certified, ...], host: str, cause: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceFault) as caught:
        await heard(chain, host, tmp_path)

    told, expected, advice = caught.value.message.split("; ", 2)
    assert told.startswith("invalid stream: TLS failure, ")
    assert cause in told
    assert expected == "expected a certificate that proves who answers"
    assert remedy in advice


NAMED = [
    # what is sent, the host, who is named beside the system's
    ((LEAF,), "a.example", (MIDDLE,)),  # the intermediate that the server forgot
    ((OF_UNKNOWN,), "a.example", (UNKNOWN,)),
    ((OF_UNKNOWN, UNKNOWN), "a.example", (SIGNING, UNKNOWN)),
    ((BELOW_UNKNOWN,), "a.example", (MIDDLE_UNKNOWN,)),  # whose root nobody knows
    ((ALONE,), "a.example", (ALONE,)),
    ((SIGNING,), "a.example", (SIGNING,)),
    ((OF_UNKNOWN,), "a.example", (OF_UNKNOWN,)),
    ((OTHER,), "b.example", (UNKNOWN,)),  # the system's are trusted as before
]


@pytest.mark.usefixtures("_root_of_the_system")
@pytest.mark.parametrize(("chain", "host", "named"), NAMED)
async def test_who_is_named_is_believed_too(
    chain: tuple[Certified, ...], host: str, named: tuple[Certified, ...], tmp_path: Path
) -> None:
    assert await heard(chain, host, tmp_path, named) == b"media"


STILL_DOUBTED = [
    ((ALONE,), "b.example", (ALONE,), "is for another host"),
    ((ALONE,), "a.example", (SIGNING,), "is signed by itself"),  # the same name, another key
    ((OLD,), "a.example", (OLD,), "has expired"),
    ((OF_UNKNOWN,), "a.example", (OTHER, ALONE), "nobody known here vouches"),
]


@pytest.mark.usefixtures("_root_of_the_system")
@pytest.mark.parametrize(("chain", "host", "named", "cause"), STILL_DOUBTED)
async def test_nobody_else_is_believed_for_it(
    chain: tuple[Certified, ...],
    host: str,
    named: tuple[Certified, ...],
    cause: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(SourceFault, match=cause):
        await heard(chain, host, tmp_path, named)


PEM = ALONE.pem
REVOKED = revocations(ROOT)
NOT_NAMED = [
    (None, "No such file or directory"),
    (b"", "there is no certificate in it"),
    (b"a.example\n", "there is no certificate in it"),
    (ALONE.certificate.public_bytes(Encoding.DER), "there is no certificate in it"),
    (ALONE.key_pem, "there is no certificate in it"),
    (REVOKED, "there is no certificate in it"),
    (PEM[:100], "a certificate in it is broken"),
    (PEM + PEM.replace(b"M", b"*"), "a certificate in it is broken"),
]


@pytest.mark.parametrize(("contents", "cause"), NOT_NAMED, ids=range(len(NOT_NAMED)))
def test_a_file_without_certificates_is_refused(
    contents: bytes | None, cause: str, tmp_path: Path
) -> None:
    file = tmp_path / "named.pem"
    if contents is not None:
        file.write_bytes(contents)

    with pytest.raises(ServerFault) as caught:
        trusting(file)

    assert str(caught.value).startswith(f"--source-ca {file}: {cause}")
    assert "; expected a PEM file with certificates" in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerFault, match="Is a directory"):
        trusting(tmp_path)
