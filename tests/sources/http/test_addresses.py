from __future__ import annotations

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, Leave, parse_address_rule


def policy(allowed: str = "", denied: str = "") -> AddressPolicy:
    return AddressPolicy(
        allowed=tuple(map(parse_address_rule, allowed.split())),
        denied=tuple(map(parse_address_rule, denied.split())),
    )


def is_allowed(rules: AddressPolicy, host: str, ip: str, port: int = 80) -> bool:
    try:
        rules.check_address(host, ip, port)
    except SourceFault:
        return False
    return True


@pytest.mark.parametrize(
    ("allowed", "denied", "host", "ip", "expected"),
    [
        ("", "", "a.example", "8.8.8.8", True),
        ("", "", "a.example", "10.0.0.1", False),
        ("10.0.0.0/8", "", "a.example", "10.0.0.1", True),
        ("10.0.0.0/8", "", "a.example", "192.168.0.1", False),
        ("10.0.0.1", "", "a.example", "10.0.0.2", False),
        ("a.example", "", "a.example", "10.0.0.1", True),
        ("a.example", "", "b.a.example", "10.0.0.1", False),
        ("*.example", "", "a.example", "10.0.0.1", True),
        ("*.example", "", "example", "10.0.0.1", False),
        ("*.example", "", "badexample", "10.0.0.1", False),
        ("fd00::/8", "", "a.example", "fd00::1", True),
        ("[::1]", "", "a.example", "::1", True),
        ("fe80::/10", "", "a.example", "fe80::1%eth0", True),
        # Denied wins, by name, by address, and by an address hidden in another.
        ("10.0.0.0/8", "10.0.0.1", "a.example", "10.0.0.1", False),
        ("a.example", "a.example", "a.example", "10.0.0.1", False),
        ("a.example", "10.0.0.0/8", "a.example", "10.0.0.1", False),
        ("a.example", "10.0.0.0/8", "a.example", "::ffff:10.0.0.1", False),
        ("", "*.example", "a.example", "8.8.8.8", False),
        ("", "8.8.8.0/24", "a.example", "8.8.8.8", False),
        # A gateway's prefix lets in what is public behind it, and no more.
        ("64:ff9b::/96", "", "a.example", "64:ff9b::8.8.8.8", True),
        ("64:ff9b::/96", "", "a.example", "64:ff9b::10.0.0.1", False),
        ("64:ff9b::/96 10.0.0.0/8", "", "a.example", "64:ff9b::10.0.0.1", True),
        ("10.0.0.0/8", "", "a.example", "64:ff9b::10.0.0.1", False),
        ("", "", "a.example", "nonsense", False),
    ],
)
def test_the_policy_decides(
    allowed: str, denied: str, host: str, ip: str, *, expected: bool
) -> None:
    assert is_allowed(policy(allowed, denied), host, ip) is expected


def test_a_refusal_does_not_tell_where_a_name_leads() -> None:
    with pytest.raises(SourceFault) as caught:
        policy().check_address("wiki.internal", "10.1.2.3", 80)
    assert "wiki.internal leads to a private address" in caught.value.message
    assert "10.1.2.3" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*.",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "a b",
        "http://a.example",
        "a.example:0",
        "a.example:65536",
        "a.example:http",
        "10.0.0.1:",
        "*.10.0.0.1",
        "127.1",
        "1.2.3.4.5",
        "[a.example]",
        "a.*.example",
    ],
)
def test_a_rule_that_means_nothing_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValueError, match="expected HOST"):
        parse_address_rule(text)


def test_a_rule_reads_names_as_urls_do() -> None:
    assert parse_address_rule("Bücher.Example.").names("xn--bcher-kva.example", 80)


@pytest.mark.parametrize(
    ("rule", "host", "ip"),
    [
        ("10.0.0.5:8000", "a.example", "10.0.0.5"),
        ("10.0.0.0/8:8000", "a.example", "10.0.0.5"),
        ("[fd00::1]:8000", "a.example", "fd00::1"),
        ("[fd00::/8]:8000", "a.example", "fd00::1"),
        ("a.example:8000", "a.example", "10.0.0.5"),
        ("*.example:8000", "a.example", "10.0.0.5"),
    ],
)
def test_a_rule_may_be_about_one_port(rule: str, host: str, ip: str) -> None:
    assert is_allowed(policy(rule), host, ip, 8000)
    assert not is_allowed(policy(rule), host, ip, 8001)
    assert not is_allowed(policy("10.0.0.0/8 fd00::/8", rule), host, ip, 8000)
    assert is_allowed(policy("10.0.0.0/8 fd00::/8", rule), host, ip, 8001)


def test_a_machine_is_not_public_to_its_own_services() -> None:
    own = AddressPolicy(is_own=lambda ip: ip == "93.184.215.14")
    let_in = AddressPolicy(
        allowed=(parse_address_rule("93.184.215.14:8000"),), is_own=lambda _: True
    )

    assert is_allowed(own, "other.example", "93.184.215.15")
    assert not is_allowed(own, "self.example", "93.184.215.14")
    assert not is_allowed(own, "self.example", "::ffff:93.184.215.14")
    assert is_allowed(let_in, "self.example", "93.184.215.14", 8000)
    assert not is_allowed(let_in, "self.example", "93.184.215.14", 22)


def test_why_an_address_may_be_reached_is_told() -> None:
    rules = AddressPolicy(
        allowed=(parse_address_rule("10.0.0.0/8"),), named=(parse_address_rule("wiki.internal"),)
    )

    assert rules.check_address("a.example", "8.8.8.8", 80) is Leave.PUBLIC
    assert rules.check_address("a.example", "10.0.0.1", 80) is Leave.RULE
    assert rules.check_address("wiki.internal", "10.0.0.1", 80) is Leave.NAMED
