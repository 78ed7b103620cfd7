from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.stations import MAX_CHARACTERS, MAX_ENTRIES, entries, is_stations

# First bytes, whether they are those of a list.
HEADS = [
    (b"[playlist]\n", True),
    (b"[Playlist]\r\n", True),
    (b"[Reference]\r\nRe", True),
    (b"http://a.example/", True),
    (b"\xef\xbb\xbf\r\nHTTPS://a.e", True),
    (b"#EXTM3U\n", True),
    (b"# my stations\n", True),
    (b"<asx version='3.0", True),
    (b"<ASX Version=3>", True),
    (b"<playlist version", True),
    (b"<?xml version='1.", True),
    (b"", False),
    (b"#!AMR\n", False),
    (b"ID3\x04\x00", False),
    (b"RIFF\x00\x00\x00\x00WAVE", False),
    (b"<html>#EXTM3U", False),
    (b"http", False),
]


@pytest.mark.parametrize(("head", "expected"), HEADS)
def test_a_list_is_known_by_its_first_bytes(head: bytes, expected: bool) -> None:
    assert is_stations(head[:16]) is expected


ASX = """<ASX version="3.0"><Title>A & B</Title><MoreInfo href="http://page/"/>
    <Entry><Ref href = "http://a/?b=1&amp;c=2"/><REF
    HREF='http://b/?x=1&y=2' /></Entry><EntryRef href="more.asx"></ASX>"""
XSPF = """<?xml version="1.0"?>
    <playlist version="1" xmlns="http://xspf.org/ns/0/"><location>http://itself/</location>
    <trackList><track><location>
     http://a/?b=1&amp;c=2 </location><location>b</location></track>
    <track><location><![CDATA[http://c/?d&e]]></location></track></trackList></playlist>"""
HOSTILE = """<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
    <playlist><trackList><track><location>http://a/&e;</location></track></trackList></playlist>"""

# A list, what it names.
LISTS = [
    # M3U.
    ("http://a.example/live\n", ["http://a.example/live"]),
    ("\ufeffhttp://a.example/\nhttp://b.example/\n", ["http://a.example/", "http://b.example/"]),
    ("#EXTM3U\n#EXTINF:-1,Station = One\nhttp://a/?file1=x\n", ["http://a/?file1=x"]),
    ("#EXTM3U\r\n\r\n  live.mp3  \rb.mp3", ["live.mp3", "b.mp3"]),
    ("a = b", ["a = b"]),
    ("http://a/\nhttp://b/\nhttp://a/\n", ["http://a/", "http://b/"]),
    ("mms://a/\nhttp://b/\nC:\\radio\nc.mp3", ["http://b/", "c.mp3"]),
    ("mms://a/\n", ["mms://a/"]),
    # PLS.
    ("[playlist]\nNumberOfEntries=1\nFile1=http://a/\nTitle1=A\nLength1=-1", ["http://a/"]),
    ("[playlist]\nFile10=http://c/\nFile2=http://b/\n", ["http://b/", "http://c/"]),
    ("\ufeff[Playlist]\r\nversion=2\r\nfile1 = http://a/?b=c \r\n", ["http://a/?b=c"]),
    ("\n[playlist]\nFile1=\nFile2=http://b/\n", ["http://b/"]),
    ("[playlist]\nFile" + "9" * 5000 + "=http://a/\nFile2=http://b/\n", ["http://b/"]),
    # ASX, as it was and as it became.
    ("[Reference]\nRef1=http://a/?x=.asf\nRef2=http://b/\n", ["http://a/?x=.asf", "http://b/"]),
    (ASX, ["http://a/?b=1&c=2", "http://b/?x=1&y=2", "more.asx"]),
    ('<asx><!-- <ref href="x"/> --><ref href="mms://a/"/><ref href="b"/></asx>', ["b"]),
    # XSPF.
    (XSPF, ["http://a/?b=1&c=2", "b", "http://c/?d&e"]),
    (HOSTILE, ["http://a/&e;"]),
]


@pytest.mark.parametrize(("text", "expected"), LISTS, ids=lambda value: repr(value)[:50])
def test_a_list_names_its_stations_in_order(text: str, expected: list[str]) -> None:
    assert list(entries(text)) == expected


NONE = [
    *("", "\n \n", "#EXTM3U\n", "[playlist]\nNumberOfEntries=0\n", "<asx></asx>"),
    "<playlist><trackList/></playlist>",
    "#" * MAX_CHARACTERS + "\na",
]


@pytest.mark.parametrize("text", NONE, ids=lambda text: repr(text)[:40])
def test_a_list_without_a_station_is_refused(text: str) -> None:
    with pytest.raises(SourceFault, match="a playlist without an entry"):
        entries(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<?xml version="1.0"?><html><a href="x"/></html>', "found an HTML page"),
        ('<?xml version="1.0"?><rss><item/></rss>', "found an XML document"),
    ],
)
def test_xml_of_another_kind_is_named(text: str, found: str) -> None:
    with pytest.raises(SourceFault, match=f"unsupported format: {found}"):
        entries(text)


def test_no_more_are_named_than_somebody_waits_for() -> None:
    assert len(entries("\n".join(f"http://a/{number}" for number in range(1000)))) == MAX_ENTRIES


PIECES = [
    *("<ref ", "<ref href", "href", "='", '="', "=", " ", "\n", "<location>", "<!--", "-->", "<"),
    *("<asx>", "<trackList>", "]]>", "<![CDATA[", "&amp;", "http://a/", "[playlist]\n", "File1="),
]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SourceFault):
        assert all(entries(text))


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_makes_reading_slow(piece: str) -> None:
    for start in ("<asx>", "<playlist><trackList>", "<ref href='", "<trackList><location>"):
        with contextlib.suppress(SourceFault):
            entries(start + piece * MAX_CHARACTERS)
