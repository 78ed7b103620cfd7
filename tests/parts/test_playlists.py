from __future__ import annotations

from dataclasses import replace

import pytest

from tests.parts.playlists import (
    Rendition,
    RollingPlaylist,
    Segment,
    Variant,
    join_playlists,
    read_segments,
    write_master,
    write_playlist,
)

KEY = '#EXT-X-KEY:METHOD=AES-128,URI="a.key"'
MAP = '#EXT-X-MAP:URI="a-init.mp4"'
HEAD = ["#EXTM3U", "#EXT-X-VERSION:7"]
WRITTEN = f"""\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:3
#EXT-X-MEDIA-SEQUENCE:4
#EXT-X-PLAYLIST-TYPE:VOD
{KEY}
{MAP}
#EXTINF:2.500000,
#EXT-X-BYTERANGE:10@0
a.m4s
#EXTINF:2.000000,
#EXT-X-BYTERANGE:20@10
a.m4s
#EXT-X-DISCONTINUITY
#EXT-X-KEY:METHOD=NONE
#EXTINF:1.000000,
b.ts
#EXT-X-ENDLIST
"""
SEGMENTS = (
    Segment(uri="a.m4s", duration_s=2.5, lasting=(KEY, MAP), byte_range="#EXT-X-BYTERANGE:10@0"),
    Segment(uri="a.m4s", duration_s=2.0, lasting=(KEY, MAP), byte_range="#EXT-X-BYTERANGE:20@10"),
    Segment(uri="b.ts", duration_s=1.0, is_discontinuous=True),
)


def plain(count: int, *, cuts: tuple[int, ...] = ()) -> tuple[Segment, ...]:
    return tuple(
        Segment(uri=f"{number}.ts", duration_s=2.0, is_discontinuous=number in cuts)
        for number in range(count)
    )


def tags(playlist: RollingPlaylist) -> list[str]:
    """What is told but the head and the durations."""
    lines = playlist.text().splitlines()[3:]
    return [line.removeprefix("#EXT-X-") for line in lines if not line.startswith("#EXTINF")]


def test_a_playlist_says_all_of_its_segments() -> None:
    assert write_playlist(SEGMENTS, first_sequence=4, kind="VOD") == WRITTEN


def test_what_is_written_is_read_back() -> None:
    keyless = replace(SEGMENTS[1], lasting=(MAP,))
    written = (*SEGMENTS[:2], keyless, SEGMENTS[0])

    assert read_segments(write_playlist(written)) == written


def test_joined_playlists_have_a_discontinuity_between_them() -> None:
    one, other = write_playlist(plain(2)), write_playlist(plain(1))

    joined = read_segments(join_playlists([one, other]))

    assert [(x.uri, x.is_discontinuous) for x in joined] == [
        ("0.ts", False),
        ("1.ts", False),
        ("0.ts", True),
    ]


def test_a_master_playlist_names_variants_and_sound() -> None:
    variants = [
        Variant(uri="low.m3u8", bandwidth=1000, audio_group="sound", resolution="64x36"),
        Variant(uri="high.m3u8", bandwidth=9000),
    ]

    text = write_master(variants, [Rendition(uri="sound.m3u8", group="sound", language="en")])

    assert text.splitlines()[2:] == [
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="speech",LANGUAGE="en",DEFAULT=YES,'
            'AUTOSELECT=YES,URI="sound.m3u8"'
        ),
        '#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="mp4a.40.2",RESOLUTION=64x36,AUDIO="sound"',
        "low.m3u8",
        '#EXT-X-STREAM-INF:BANDWIDTH=9000,CODECS="mp4a.40.2"',
        "high.m3u8",
    ]


def test_a_live_playlist_moves_on_by_hand() -> None:
    playlist = RollingPlaylist(plain(5), window=2, speed=0)

    assert tags(playlist) == ["MEDIA-SEQUENCE:0", "0.ts", "1.ts"]
    playlist.advance()
    assert tags(playlist) == ["MEDIA-SEQUENCE:1", "1.ts", "2.ts"]
    playlist.advance(9)
    assert tags(playlist) == ["MEDIA-SEQUENCE:3", "3.ts", "4.ts", "ENDLIST"]
    assert playlist.is_over


def test_a_live_playlist_without_an_end_does_not_tell_one() -> None:
    playlist = RollingPlaylist(plain(1), window=2, speed=0, ends=False)

    assert tags(playlist) == ["MEDIA-SEQUENCE:0", "0.ts"]


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_a_live_playlist_moves_on_with_the_time_since_it_was_asked_for(speed: float) -> None:
    now = 100.0
    playlist = RollingPlaylist(plain(5), window=2, speed=speed, clock=lambda: now)
    now = 200.0
    assert tags(playlist)[0] == "MEDIA-SEQUENCE:0"  # nobody has missed anything

    now += 1.9 / speed
    assert tags(playlist)[0] == "MEDIA-SEQUENCE:0"
    now += 0.1 / speed
    assert tags(playlist)[0] == "MEDIA-SEQUENCE:1"
    now += 60
    assert tags(playlist)[0] == "MEDIA-SEQUENCE:3"


def test_discontinuities_that_have_left_the_window_are_counted() -> None:
    playlist = RollingPlaylist(plain(5, cuts=(1, 3)), window=2, speed=0)

    playlist.advance()
    assert tags(playlist) == ["MEDIA-SEQUENCE:1", "DISCONTINUITY", "1.ts", "2.ts"]
    playlist.advance()
    assert tags(playlist) == [
        "MEDIA-SEQUENCE:2",
        "DISCONTINUITY-SEQUENCE:1",
        "2.ts",
        "DISCONTINUITY",
        "3.ts",
    ]


def test_an_event_playlist_only_grows() -> None:
    playlist = RollingPlaylist(plain(3), window=None, first_segments=1, speed=0)

    assert tags(playlist) == ["MEDIA-SEQUENCE:0", "PLAYLIST-TYPE:EVENT", "0.ts"]
    playlist.advance(2)
    assert tags(playlist)[2:] == ["0.ts", "1.ts", "2.ts", "ENDLIST"]


def test_segments_are_served_from_when_they_are_shown_until_a_little_after() -> None:
    playlist = RollingPlaylist(plain(6), window=2, grace=1, speed=0)
    playlist.advance(2)

    served = [uri for uri in ("0.ts", "1.ts", "2.ts", "3.ts", "4.ts") if playlist.serves(uri)]

    assert served == ["1.ts", "2.ts", "3.ts"]
    assert playlist.serves("other.key")


def test_the_key_that_holds_stands_in_every_window() -> None:
    segments = [Segment(uri=f"{n}.ts", duration_s=1.0, lasting=(KEY,)) for n in range(3)]
    playlist = RollingPlaylist(segments, window=1, speed=0, first_sequence=7)
    playlist.advance()

    assert KEY in playlist.text()
    assert "#EXT-X-MEDIA-SEQUENCE:8" in playlist.text()
