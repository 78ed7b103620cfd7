from __future__ import annotations

import re

import pytest

from scribewire.origins import ORIGIN, AllowedOrigins, normalise_origin, parse_allowed

LISTED = AllowedOrigins(frozenset({"https://captions.example", "http://localhost:5173", "null"}))


@pytest.mark.parametrize(
    ("origin", "host", "is_allowed"),
    [
        (None, "stt.example", True),
        ("https://captions.example", "stt.example", True),
        ("HTTPS://Captions.Example:443", "stt.example", True),
        ("http://captions.example", "stt.example", False),
        ("https://captions.example:8443", "stt.example", False),
        ("https://captions.example.evil.example", "stt.example", False),
        ("https://evil.example/https://captions.example", "stt.example", False),
        ("http://localhost:5173", "stt.example", True),
        ("http://localhost:5174", "stt.example", False),
        ("null", "stt.example", True),
        # its own pages, whether TLS ends here or at a proxy
        ("https://stt.example", "stt.example", True),
        ("http://stt.example", "stt.example", True),
        ("https://stt.example", "STT.example:443", True),
        ("http://stt.example:8000", "stt.example:8000", True),
        ("http://stt.example", "stt.example:8000", False),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://", "", False),
        ("", "", False),
        ("", "stt.example", False),
        ("stt.example", "stt.example", False),
        ("http://other.example", None, False),
    ],
)
def test_a_page_may_ask_if_it_is_named_or_the_servers_own(
    origin: str | None, host: str | None, *, is_allowed: bool
) -> None:
    assert LISTED.allows(origin, host) == is_allowed


def test_every_page_may_ask_where_that_was_said() -> None:
    assert AllowedOrigins(frozenset({"*"})).allows("https://evil.example", "stt.example")
    assert not AllowedOrigins(frozenset()).allows("null", "stt.example")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("*", "*"),
        ("null", "null"),
        (" https://Captions.example/ ", "https://captions.example"),
        ("https://captions.example:443", "https://captions.example"),
        ("http://captions.example:443", "http://captions.example:443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("captions.example", None),
        ("https://captions.example/page", None),
        ("https://*.example", None),
        ("https://user@captions.example", None),
        ("", None),
    ],
)
def test_an_operator_names_pages_as_browsers_do(text: str, origin: str | None) -> None:
    if origin is None:
        with pytest.raises(ValueError, match=r"https://captions\.example"):
            parse_allowed(text)
    else:
        assert parse_allowed(text) == origin
        assert origin == "*" or re.fullmatch(ORIGIN, origin)
        assert normalise_origin(origin) == origin
