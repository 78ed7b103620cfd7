"""Playlists that are too long, or make no sense."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.master import MasterPlaylist
from scribewire.sources.hls.playlist import (
    LINES_A_TURN,
    MAX_ATTRIBUTES,
    MAX_LINES,
    MAX_SEGMENTS,
    MediaPlaylist,
    PlaylistReader,
    parse_playlist,
)
from tests.sources.hls.test_playlist import HEAD, KEY, ONE


def refusal(text: str) -> str:
    with pytest.raises(SourceFault) as caught:
        parse_playlist(text)
    return caught.value.message


# What stands in the playlist, what the client reads.
REFUSED = [
    ("#EXTINF:nan,\na.ts\n", "impossible duration"),
    ("#EXTINF:inf,\na.ts\n", "impossible duration"),
    ("#EXTINF:-1,\na.ts\n", "impossible duration"),
    ("#EXTINF:3601,\na.ts\n", "impossible duration"),
    ("#EXTINF:1e999,\na.ts\n", "impossible duration"),
    ("#EXTINF:" + "9" * 100_000 + ",\na.ts\n", "impossible duration"),
    ("#EXTINF:,\na.ts\n", "impossible duration"),
    ("#EXTINF:five,\na.ts\n", "impossible duration"),
    (f"#EXT-X-MEDIA-SEQUENCE:{1 << 64}\n" + ONE, "impossible media sequence number"),
    ("#EXT-X-MEDIA-SEQUENCE:-" + "9" * 4000 + "\n" + ONE, "impossible media sequence number"),
    ("#EXT-X-MEDIA-SEQUENCE:" + "9" * 5000 + "\n" + ONE, "impossible media sequence number"),
    ("#EXT-X-MEDIA-SEQUENCE:x\n" + ONE, "impossible media sequence number"),
    ("#EXT-X-BYTERANGE:0@0\n" + ONE, "broken byte range"),
    ("#EXT-X-BYTERANGE:-5@0\n" + ONE, "broken byte range"),
    ("#EXT-X-BYTERANGE:5@-1\n" + ONE, "broken byte range"),
    ("#EXT-X-BYTERANGE:5@\n" + ONE, "broken byte range"),
    ("#EXT-X-BYTERANGE:1" + "0" * 20 + "\n" + ONE, "broken byte range"),
    ("#EXT-X-BYTERANGE:\u0665@0\n" + ONE, "broken byte range"),
    ('#EXT-X-MAP:URI=""\n' + ONE, "map without an address"),
    ('#EXT-X-MAP:BYTERANGE="5@0"\n' + ONE, "map without an address"),
    ('#EXT-X-MAP:URI="i",BYTERANGE="all"\n' + ONE, "broken byte range"),
    (KEY + "IV=0x1\n" + ONE, "key without an address"),
    (KEY + 'URI="never closed\n' + ONE, "key without an address"),
    (KEY + 'URI="k",IV=1\n' + ONE, "broken IV"),
    (KEY + 'URI="k",IV=0x\n' + ONE, "broken IV"),
    (KEY + 'URI="k",IV=0x' + "1" * 33 + "\n" + ONE, "broken IV"),
    (
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n' + ONE,
        "unsupported format: found an HLS stream that is protected (SAMPLE-AES)",
    ),
    ("#EXT-X-KEY:METHOD=SAMPLE-AES-CTR\n" + ONE, "protected (SAMPLE-AES-CTR)"),
    (KEY + 'URI="k",KEYFORMAT="com.apple.streamingkeydelivery"\n' + ONE, "protected"),
    ("#EXT-X-KEY:METHOD=\x1b[2J\n" + ONE, "protected (??2J)"),
    ("#EXT-X-KEY:METHOD=" + "X" * 500 + "\n" + ONE, f"protected ({'X' * 20})"),
    ("#EXTINF:5,\n{$a}.ts\n", "uses the variable a, which is not defined"),
    ('#EXT-X-DEFINE:IMPORT="a"\n' + ONE, "uses the variable a, which is not defined"),
    ("#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n" + ONE, "leaves segments out"),
    (ONE * (MAX_SEGMENTS + 1), "too long"),
    ("#\n" * MAX_LINES, "too long"),
    ("\r" * MAX_LINES, "too long"),
    ("#EXT-X-MAP:" + "," * MAX_ATTRIBUTES, "too long"),
    ("#EXT-X-START:" + "a=b," * (MAX_ATTRIBUTES // 4), "too long"),
    ((KEY + "A=1," * 500 + "\n") * 600, "too long"),
]


@pytest.mark.parametrize(("body", "expected"), REFUSED, ids=lambda text: repr(text)[:60])
def test_a_playlist_that_makes_no_sense_is_refused(body: str, expected: str) -> None:
    assert expected in refusal(HEAD + body)


# Whole playlists, what the client reads.
REFUSED_WHOLE = [
    ("", "no target duration"),
    ("#EXTM3U\n", "no target duration"),
    (bytes(range(256)).decode(errors="replace") * 100, "no target duration"),
    ("<html>#EXT-X-</html>", "no target duration"),
    # A tag of a master playlist in one of segments: it is a master playlist without variants.
    (HEAD + ONE + "#EXT-X-STREAM-INF:BANDWIDTH=1\n", "names no other one with sound"),
    ('#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,URI="s"\n', "names no other one with sound"),
    ('#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"\n', "names no other one with sound"),
    ('#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i"\n', "no target duration"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED_WHOLE, ids=lambda text: repr(text)[:60])
def test_what_leads_to_no_sound_is_refused(text: str, expected: str) -> None:
    assert expected in refusal(text)


def test_what_is_too_long_is_refused_before_it_is_read_to_its_end() -> None:
    reader = PlaylistReader(HEAD + ONE * MAX_SEGMENTS * 2)
    for _ in range(2 * MAX_SEGMENTS // LINES_A_TURN):
        assert reader.read_on() is None
    with pytest.raises(SourceFault, match="too long"):
        reader.read_on()


TAGS = [
    *("#EXTM3U", "#EXTINF:", "#EXTINF", "#EXT-X-BYTERANGE:", "#EXT-X-TARGETDURATION:"),
    *("#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-KEY:", "#EXT-X-MAP:", "#EXT-X-STREAM-INF:"),
    *("#EXT-X-MEDIA:", "#EXT-X-START:", "#EXT-X-DISCONTINUITY", "#EXT-X-ENDLIST", "#EXT-X-GAP"),
    *(
        "#EXT-X-PROGRAM-DATE-TIME:",
        "#EXT-X-DEFINE:",
        "#EXT-X-KEY",
        "#EXT-X-MAP",
        "#EXT-X-MEDIA",
        "#EXT-X-START",
        "#",
        "",
        "\ufeff",
    ),
]
VALUES = [
    *("5", "5,", "-1", "nan", "inf", "1e999", "9" * 400, "0x1", "100@5", "METHOD=AES-128", "URI="),
    *('"', '"a"', ",", "=", "METHOD=NONE", 'IV="0x1"', "TYPE=AUDIO", 'AUDIO="a"', 'GROUP-ID="a"'),
    *(
        "TIME-OFFSET=1",
        "2027-01-15T08:00:00Z",
        'NAME="a"',
        'VALUE="{$a}"',
        "{$a}",
        'BYTERANGE="1@1"',
        "BANDWIDTH=1",
        "DEFAULT=YES",
        " ",
        "\x1c",
        "\u2028",
        "'",
    ),
]
ANY_LINE = st.tuples(st.sampled_from(TAGS), st.lists(st.sampled_from(VALUES) | st.text(max_size=5)))
ANY_PLAYLIST = st.lists(ANY_LINE.map(lambda line: line[0] + "".join(line[1]))).map("\n".join)


@pytest.mark.slow
@given(st.text() | ANY_PLAYLIST | ANY_PLAYLIST.map(HEAD.__add__))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SourceFault):
        assert isinstance(parse_playlist(text), MasterPlaylist | MediaPlaylist)
