from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from scribewire.errors import ServerFault
from scribewire.server.certificate import LOOK_INTERVAL_S, ServerCertificate
from tests.parts.certificates import Certified, certify

OLD, NEW = certify("old.example"), certify("new.example")


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def write(folder: Path, own: Certified, key: bytes | None = None) -> tuple[Path, Path]:
    """Put a pair into files that have surely changed, whatever the file system's clock."""
    files = folder / "cert.pem", folder / "key.pem"
    for file, content in zip(files, (own.pem, own.key_pem if key is None else key), strict=True):
        fresh = file.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.rename(file)
        os.utime(
            file, ns=(own.certificate.serial_number % 10**9, own.certificate.serial_number % 10**9)
        )
    return files


def refusal(certificate: Path, key: Path | None) -> str:
    with pytest.raises(ServerFault) as refused:
        ServerCertificate(certificate, key)
    return str(refused.value)


def test_the_certificate_is_read_again_when_it_changes_and_not_before(tmp_path: Path) -> None:
    clock = Clock()
    watched = ServerCertificate(*write(tmp_path, OLD), now=clock)
    old = watched.context()

    write(tmp_path, NEW)
    assert watched.context() is old, "it was looked at a moment ago"

    clock.now_s += LOOK_INTERVAL_S
    new = watched.context()
    assert new is not old
    clock.now_s += LOOK_INTERVAL_S
    assert watched.context() is new


def test_a_pair_that_does_not_fit_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    watched = ServerCertificate(*write(tmp_path, OLD), now=clock)
    old = watched.context()

    write(tmp_path, NEW, key=OLD.key_pem)
    for _ in range(3):
        clock.now_s += LOOK_INTERVAL_S
        assert watched.context() is old
    assert caplog.text.count("stays as it was") == 1

    write(tmp_path, NEW)
    clock.now_s += LOOK_INTERVAL_S
    assert watched.context() is not old


def test_files_that_are_gone_change_nothing_and_may_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    files = write(tmp_path, OLD)
    watched = ServerCertificate(*files, now=clock)
    old = watched.context()

    files[1].unlink()
    for _ in range(3):
        clock.now_s += LOOK_INTERVAL_S
        assert watched.context() is old
    assert caplog.text.count("No such file") == 1

    write(tmp_path, NEW)
    clock.now_s += LOOK_INTERVAL_S
    assert watched.context() is not old


def test_key_and_certificate_may_be_in_one_file(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(OLD.key_pem + OLD.pem)

    assert ServerCertificate(both).context().cert_store_stats()["x509"] == 0


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path) -> None:
    certificate, key = write(tmp_path, OLD)
    other = tmp_path / "other.pem"
    other.write_bytes(NEW.key_pem)
    empty = tmp_path / "empty.pem"
    empty.touch()
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        OLD.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret"))
    )

    assert (
        refusal(tmp_path / "none.pem", key)
        == f"TLS: {tmp_path / 'none.pem'}: No such file or directory"
    )
    assert "key values mismatch" in refusal(certificate, other)
    assert "no certificate and the key to it" in refusal(certificate, empty)
    assert "no certificate and the key to it" in refusal(empty, key)
    assert "the key is encrypted" in refusal(certificate, locked)
    assert "no certificate and the key to it" in refusal(certificate, None)


def test_one_that_has_expired_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expired = certify("a.example", begins_days=-9, lasts_days=-1)

    with caplog.at_level(logging.WARNING):
        ServerCertificate(*write(tmp_path, expired))

    assert "has expired on" in caplog.text
