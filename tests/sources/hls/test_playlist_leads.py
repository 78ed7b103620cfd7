"""Playlists that lead to others, and how playlists are known."""

from __future__ import annotations

import pytest

from scribewire.sources.hls.master import MasterPlaylist
from scribewire.sources.hls.playlist import (
    PLAYLIST_HEAD_BYTES,
    is_hls,
    is_playlist,
    parse_playlist,
)


def variant(uri: str, attributes: str) -> str:
    return f"#EXT-X-STREAM-INF:{attributes}\n{uri}\n"


def audio(attributes: str, group: str = "a") -> str:
    return f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{group}",NAME="x",{attributes}\n'


IN_GROUP = variant("v", 'BANDWIDTH=1,AUDIO="a"')
# A master playlist, which playlist is gone on with.
MASTERS = [
    # The cheapest variant.
    (variant("v", "BANDWIDTH=9") + variant("w", "BANDWIDTH=8"), "w"),
    (variant("v", "BANDWIDTH=9") + variant("w", "BANDWIDTH=10"), "v"),
    (variant("v", "AVERAGE-BANDWIDTH=1") + variant("w", "BANDWIDTH=10"), "w"),
    (variant("v", "BANDWIDTH=nan") + variant("w", "BANDWIDTH=1e3"), "w"),
    (variant("v", "BANDWIDTH=lots"), "v"),
    (variant("v", ""), "v"),
    # That has sound.
    (
        variant("v", 'BANDWIDTH=1,CODECS="avc1.42e00a"')
        + variant("w", 'BANDWIDTH=2,CODECS="avc1.42e00a,mp4a.40.2"'),
        "w",
    ),
    (variant("v", 'BANDWIDTH=1,CODECS="Opus"') + variant("w", "BANDWIDTH=2"), "v"),
    (variant("v", "BANDWIDTH=1") + variant("w", 'BANDWIDTH=2,CODECS="ac-3"'), "v"),
    # What is said of codecs may be wrong.
    (variant("v", 'CODECS="avc1.42e00a"'), "v"),
    # What others do not use does not matter.
    (variant("v", 'BANDWIDTH=1,FRAME-RATE="25",AVERAGE-BANDWIDTH=1.5,PROGRAM-ID=x,=,'), "v"),
    ('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=0,URI="i"\n' + variant("v", "BANDWIDTH=1"), "v"),
    ("#EXT-X-SESSION-KEY:x\n#EXT-X-SESSION-DATA:x\n" + variant("v", "BANDWIDTH=1"), "v"),
    ("#EXT-X-STREAM-INF:BANDWIDTH=1\n# a comment\n\nv\n", "v"),
    # The audio alone.
    (audio('URI="s"') + IN_GROUP, "s"),
    (audio('URI="s"') + audio('URI="d",DEFAULT=YES') + IN_GROUP, "d"),
    (audio('URI="s",DEFAULT=NO') + audio('URI="t",AUTOSELECT=YES') + IN_GROUP, "t"),
    (audio('URI="s",AUTOSELECT=YES') + audio('URI="d",DEFAULT=YES') + IN_GROUP, "d"),
    (audio('URI="o"', group="other") + audio('URI="s"') + IN_GROUP, "s"),
    (audio('URI="s",AUTOSELECT=YES') + variant("v", 'AUDIO="a",CODECS="avc1.42e00a"'), "s"),
    # It is in the variant.
    (audio("DEFAULT=YES") + audio('URI="other language"') + IN_GROUP, "v"),
    (audio('URI="o"', group="other") + IN_GROUP, "v"),
    (audio('URI="s"') + variant("v", "BANDWIDTH=1"), "v"),
    # There are no variants.
    (audio('URI="s"') + audio('URI="d",DEFAULT=YES'), "d"),
    # Both kinds in one.
    ("#EXT-X-TARGETDURATION:6\n#EXTINF:5,\na.ts\n" + IN_GROUP, "v"),
]


@pytest.mark.parametrize(("body", "expected"), MASTERS, ids=lambda text: repr(text)[:60])
def test_a_master_playlist_leads_to_the_cheapest_with_sound(body: str, expected: str) -> None:
    found = parse_playlist("#EXTM3U\n" + body)

    assert isinstance(found, MasterPlaylist)
    assert found.choices[0].uri == expected


def test_a_master_playlist_fills_in_its_variables_and_hands_them_on() -> None:
    define = '#EXT-X-DEFINE:QUERYPARAM="token"\n#EXT-X-DEFINE:NAME="a",VALUE="x"\n'
    text = "#EXTM3U\n" + define + variant("{$a}?token={$token}", "BANDWIDTH=1")
    found = parse_playlist(text, query="token=abc")

    assert isinstance(found, MasterPlaylist)
    assert [choice.uri for choice in found.choices] == ["x?token=abc"]
    assert found.variables == {"token": "abc", "a": "x"}


# First bytes, whether they are those of a playlist.
HEADS = [
    (b"#EXTM3U", True),
    (b"#extm3u\r\n", True),
    (b"\xef\xbb\xbf#EXTM3U\n", True),
    (b"\r\n \t#EXTM3U\n", True),
    (b"[playlist]\n", True),
    (b"http://a.example/", True),
    (b"", False),
    (b"ID3\x04\x00", False),
    (b"RIFF\x00\x00\x00\x00WAVE", False),
    (b"<html>#EXTM3U", False),
]


@pytest.mark.parametrize(("head", "expected"), HEADS)
def test_a_playlist_is_known_by_its_first_bytes(head: bytes, expected: bool) -> None:
    assert is_playlist(head[:PLAYLIST_HEAD_BYTES]) is expected


def test_only_tags_of_hls_make_a_playlist_one_of_hls() -> None:
    assert is_hls("#EXTM3U\n#EXT-X-TARGETDURATION:6\n")
    assert not is_hls("#EXTM3U\n#EXTINF:-1,Station\nhttp://a.example/live\n")
