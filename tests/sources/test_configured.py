from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scribewire.errors import ServerFault
from scribewire.settings import Settings
from scribewire.sources.configured import OPENING_SHARE, address_policy, configured_sources
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy
from scribewire.sources.http.urls import check_url
from scribewire.sources.retry import RetryRules
from tests.parts.raw_origin import ok, run_raw_origin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Certificate


def permits(policy: AddressPolicy, host: str, ip: str) -> bool:
    try:
        policy.check_address(host, ip, 80)
    except SourceFault:
        return False
    return True


SETTINGS = Settings(allow_source=("10.0.0.0/8",), deny_source=("10.9.0.0/16", "bad.example"))
RADIO = "http://user:word@radio.intern:8000/live?key=1"
CASES = [
    # named, host, address, whether it may be connected to
    (None, "a.example", "93.184.216.34", True),
    (None, "a.example", "10.1.0.1", True),
    (None, "a.example", "10.9.0.1", False),
    (None, "radio.intern", "192.168.0.1", False),
    (RADIO, "radio.intern", "192.168.0.1", True),
    (RADIO, "radio.intern", "127.0.0.1", True),
    (RADIO, "other.intern", "192.168.0.1", False),
    (RADIO, "radio.intern", "10.9.0.1", False),  # denied wins
    ("http://127.0.0.1/a.mp3", "127.0.0.1", "127.0.0.1", True),
    ("http://127.0.0.1/a.mp3", "a.example", "127.0.0.1", False),
    ("http://bad.example/a.mp3", "bad.example", "93.184.216.34", False),
]


@pytest.mark.parametrize(("named", "host", "ip", "is_permitted"), CASES)
def test_the_settings_hold_and_the_named_host_is_let_in(
    named: str | None, host: str, ip: str, is_permitted: bool
) -> None:
    assert (
        permits(
            address_policy(SETTINGS, named=None if named is None else check_url(named)), host, ip
        )
        is is_permitted
    )


def test_a_rule_that_is_none_is_told_with_its_option() -> None:
    with pytest.raises(ServerFault, match="--allow-source or --deny-source: address rule '10/8'"):
        address_policy(Settings(allow_source=("10/8",)))


async def test_patience_is_that_of_the_settings() -> None:
    settings = Settings(source_retry_ms=2_000, start_timeout_ms=3_000)
    async with configured_sources(settings) as sources:
        assert sources.retry == RetryRules(give_up_after_s=2, first_wait_s=0.1)
        assert sources.open_timeout_s == pytest.approx(OPENING_SHARE * 3)
    async with configured_sources(Settings()) as patient:
        assert patient.retry == RetryRules()


async def test_who_is_named_by_the_settings_is_believed(certificate: Certificate) -> None:
    settings = Settings(allow_source=("127.0.0.1",), source_ca=certificate.path)

    async def look_up(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with (
        run_raw_origin(ok(b"media"), tls=certificate.tls) as server,
        configured_sources(settings, look_up=look_up) as sources,
        sources.fetcher.open(check_url(server.url("/", "a.example"))) as response,
    ):
        assert await response.read(10) == b"media"


async def test_nothing_is_pulled_where_nobody_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerFault, match=r"--source-ca .*none\.pem: No such file"):
        async with configured_sources(Settings(source_ca=tmp_path / "none.pem")):
            pass
