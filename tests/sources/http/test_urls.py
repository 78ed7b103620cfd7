from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.urls import check_url, shown


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://a.example", "http://a.example/"),
        ("HTTPS://A.Example:443/x?y=z#frag", "https://a.example/x?y=z"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("http://a.example:/", "http://a.example/"),
        ("http://a.example?x=1", "http://a.example/?x=1"),
        ("http://a.example./", "http://a.example/"),
        ("http://[2606:4700:0::1]:8000/a", "http://[2606:4700::1]:8000/a"),
        ("http://8.8.8.8/a", "http://8.8.8.8/a"),
        ("http://bücher.example/ä b", "http://xn--bcher-kva.example/%C3%A4%20b"),
        ("http://straße.example/", "http://xn--strae-oqa.example/"),
        ("http://my_host.example/", "http://my_host.example/"),
        # A signed query stays to the letter.
        (
            "http://a.example/x?sig=a%2Bb%2f+c==&se=2:3",
            "http://a.example/x?sig=a%2Bb%2f+c==&se=2:3",
        ),
        ("http://a.example//b/../c", "http://a.example//b/../c"),
    ],
)
def test_a_url_has_one_spelling(url: str, text: str) -> None:
    assert check_url(url).text == text
    assert check_url(text).text == text


def test_user_info_becomes_a_field_and_is_never_shown() -> None:
    url = check_url("http://us%40er:p%3Aw@a.example/x?sig=secret")
    assert url.authorization == "Basic dXNAZXI6cDp3"
    assert str(url) == "http://a.example/x"
    assert "dXNA" not in repr(url)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("/b?c", "https://a.example:8443/b?c"),
        ("b", "https://a.example:8443/x/b"),
        ("//b.example/c", "https://b.example/c"),
        ("http://b.example", "http://b.example/"),
        ("?q=1", "https://a.example:8443/x/y?q=1"),
    ],
)
def test_a_redirect_is_read_from_where_it_was_found(location: str, text: str) -> None:
    assert check_url("https://u:p@a.example:8443/x/y?z").join(location).text == text


def test_a_redirect_is_checked_like_any_url() -> None:
    for location in ("file:///etc/passwd", "http://[::1", "//a\\@b/", "http://x/\r\n"):
        with pytest.raises(SourceFault):
            check_url("https://a.example/").join(location)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:secret@a.example/x?sig=secret#secret", "https://a.example/x"),
        ("https://u:sec/ret@a.example/x", "https://…"),
        ("http://u:secret?secret@a.example/", "http://…"),
        ("http://u:secret/secret@a.example/", "http://…"),
        ("u:secret@a.example/x", "a.example/x"),
        ("http:/u:secret@a.example/x", "http:/a.example/x"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("http://a.example/@user/x", "http://a.example/@user/x"),
        ("http://a.example/\n\x1b", "http://a.example/??"),
        ("", ""),
    ],
)
def test_what_is_shown_has_no_secret(url: str, expected: str) -> None:
    assert shown(url) == expected
    assert "secret" not in shown(url)


@given(st.text(max_size=400))
def test_anything_can_be_shown(url: str) -> None:
    assert len(shown(url)) <= 200
    assert shown(url).isprintable()


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://a", "http://[::1]", "//"]))
def test_any_text_is_a_url_or_a_source_fault(text: str, start: str) -> None:
    try:
        url = check_url(start + text)
    except SourceFault:
        return
    assert check_url(url.text).text == url.text
    url.text.encode("ascii")
