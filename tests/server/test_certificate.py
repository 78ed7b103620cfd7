from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from scribewire.errors import ServerFault
from scribewire.server.certificate import LOOK_INTERVAL_S, Lifetime, ServerCertificate, Standing
from tests.parts.certificates import Certified, certify

OLD, NEW = certify("old.example"), certify("new.example")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


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


YEAR, QUARTER, WEEK = (Lifetime(NEW_YEAR, NEW_YEAR + timedelta(days)) for days in (365, 90, 6))


@pytest.mark.parametrize(
    ("lifetime", "days_left", "standing"),
    [
        (YEAR, 300, Standing.GOOD),
        (YEAR, 14, Standing.GOOD),
        (YEAR, 13.9, Standing.ENDING),
        (YEAR, 0, Standing.ENDING),
        (YEAR, -0.1, Standing.EXPIRED),
        (QUARTER, 30, Standing.GOOD),
        (QUARTER, 13, Standing.ENDING),
        (WEEK, 5, Standing.GOOD),
        (WEEK, 1.9, Standing.ENDING),
        (WEEK, -1, Standing.EXPIRED),
    ],
)
def test_the_end_is_near_two_weeks_before_or_in_the_last_third(
    lifetime: Lifetime, days_left: float, standing: Standing
) -> None:
    assert lifetime.standing(lifetime.ends_at - timedelta(days_left)) is standing


def test_a_certificate_that_runs_out_is_told_once_before_and_once_when_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, calendar = Clock(), Clock()
    own = certify("a.example", begins_days=-1, lasts_days=99)
    ends_at = own.certificate.not_valid_after_utc
    calendar.now_s = (ends_at - timedelta(90)).timestamp()
    files = write(tmp_path, own)
    watched = ServerCertificate(*files, now=clock, unix_time=calendar)
    told = []

    for days_left in (80, 15, 13, 12, 1, -1, -2):
        calendar.now_s = (ends_at - timedelta(days_left)).timestamp()
        clock.now_s += LOOK_INTERVAL_S
        watched.context()
        told.append(list(caplog.messages))
        caplog.clear()

    near = f"! {files[0]} expires on {ends_at.date()}, and has not been renewed"
    over = f"! {files[0]} has expired on {ends_at.date()}"
    assert told == [[], [], [near], [], [], [over], []]


def test_the_end_of_the_next_certificate_is_told_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    expired = [certify("a.example", begins_days=-9, lasts_days=-days) for days in (1, 2)]
    watched = ServerCertificate(*write(tmp_path, expired[0]), now=clock)

    write(tmp_path, expired[1])
    clock.now_s += LOOK_INTERVAL_S
    watched.context()

    assert caplog.text.count("has expired on") == 2
