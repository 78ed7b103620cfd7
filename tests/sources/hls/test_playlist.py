from __future__ import annotations

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.playlist import (
    LINES_A_TURN,
    MAX_LINES,
    MAX_SEGMENTS,
    MediaPlaylist,
    Playlist,
    PlaylistReader,
    Resource,
    Segment,
    SegmentKey,
    parse_playlist,
)

HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n"
ONE = "#EXTINF:5,\na.ts\n"


def media(text: str) -> MediaPlaylist:
    found = parse_playlist(text)
    assert isinstance(found, MediaPlaylist)
    return found


def segments(body: str) -> tuple[Segment, ...]:
    return media(HEAD + body).segments


def refusal(text: str) -> str:
    with pytest.raises(SourceFault) as caught:
        parse_playlist(text)
    return caught.value.message


def segment(
    number: int = 0,
    uri: str = "a.ts",
    *,
    duration_s: float = 5,
    part: tuple[int, int] | None = None,
    head: Resource | None = None,
    key: SegmentKey | None = None,
    is_discontinuity: bool = False,
    is_missing: bool = False,
) -> Segment:
    return Segment(
        number=number,
        duration_s=duration_s,
        media=Resource(uri, *(part or (None, None))),
        initialization=head,
        key=key,
        is_discontinuity=is_discontinuity,
        is_missing=is_missing,
    )


def test_a_finite_playlist_has_all_its_segments_and_an_end() -> None:
    text = "#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:5.005,Title\na.ts\n#EXTINF:3\nb.ts\n#EXT-X-ENDLIST\n"

    assert media(HEAD + text) == MediaPlaylist(
        segments=(segment(0, duration_s=5.005), segment(1, "b.ts", duration_s=3)),
        target_s=6,
        has_ended=True,
        start_s=None,
    )
    assert media(HEAD + text).duration_s == pytest.approx(8.005)


def test_a_live_playlist_counts_from_its_media_sequence_number_and_has_no_end() -> None:
    playlist = media(HEAD + "#EXT-X-MEDIA-SEQUENCE:270\n" + 2 * ONE)

    assert [each.number for each in playlist.segments] == [270, 271]
    assert not playlist.has_ended


def test_an_event_playlist_has_no_end_before_it_says_so() -> None:
    text = HEAD + "#EXT-X-PLAYLIST-TYPE:EVENT\n" + ONE

    assert not media(text).has_ended
    assert media(text + "#EXT-X-ENDLIST\n").has_ended


# What stands in the playlist, its segments.
BODIES = [
    # Parts of files.
    ("#EXT-X-BYTERANGE:100@200\n" + ONE, [segment(part=(200, 300))]),
    ("#EXTINF:5,\n#EXT-X-BYTERANGE:100@0\na.ts\n", [segment(part=(0, 100))]),
    (
        "#EXT-X-BYTERANGE:100@50\n" + ONE + "#EXT-X-BYTERANGE:10\n" + ONE,
        [segment(part=(50, 150)), segment(1, part=(150, 160))],
    ),
    ("#EXT-X-BYTERANGE:10\n" + ONE, [segment(part=(0, 10))]),
    (
        "#EXT-X-BYTERANGE:10@5\n#EXTINF:5,\nb.ts\n#EXT-X-BYTERANGE:10\n" + ONE,
        [segment(0, "b.ts", part=(5, 15)), segment(1, part=(0, 10))],  # another file
    ),
    (
        "#EXT-X-BYTERANGE:10@5\n" + ONE + ONE,
        [segment(part=(5, 15)), segment(1)],
    ),
    # Heads of fragmented MP4.
    ('#EXT-X-MAP:URI="i.mp4"\n' + ONE, [segment(head=Resource("i.mp4"))]),
    (
        '#EXT-X-MAP:URI="i.mp4",BYTERANGE="700@20"\n' + ONE,
        [segment(head=Resource("i.mp4", 20, 720))],
    ),
    ('#EXT-X-MAP:BYTERANGE="7",URI="i.mp4"\n' + ONE, [segment(head=Resource("i.mp4", 0, 7))]),
    (
        ONE + '#EXT-X-MAP:URI="i.mp4"\n' + ONE + '#EXT-X-MAP:URI="j.mp4"\n' + ONE,
        [segment(), segment(1, head=Resource("i.mp4")), segment(2, head=Resource("j.mp4"))],
    ),
    # Keys.
    (
        '#EXT-X-KEY:METHOD=AES-128,URI="k?a=1,2&b==",KEYFORMAT="identity"\n' + 2 * ONE,
        [
            segment(0, key=SegmentKey("k?a=1,2&b==", None)),
            segment(1, key=SegmentKey("k?a=1,2&b==", None)),
        ],
    ),
    (
        '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x000102030405060708090a0B0C0D0E0F\n' + ONE,
        [segment(key=SegmentKey("k", bytes(range(16))))],
    ),
    (
        '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0X1\n' + ONE,
        [
            segment(key=SegmentKey("k", bytes(15) + b"\1")),
        ],
    ),
    (
        '#EXT-X-KEY:METHOD=AES-128,URI="k"\n' + ONE + "#EXT-X-KEY:METHOD=NONE\n" + ONE,
        [segment(key=SegmentKey("k", None)), segment(1)],
    ),
    (
        '#EXT-X-KEY:METHOD=AES-128,URI="k"\n' + ONE + '#EXT-X-KEY:METHOD=AES-128,URI="l"\n' + ONE,
        [segment(key=SegmentKey("k", None)), segment(1, key=SegmentKey("l", None))],
    ),
    (
        '#EXT-X-KEY: URI = "k" ,junk,METHOD= AES-128 ,X="a,METHOD=NONE"\n' + ONE,
        [segment(key=SegmentKey("k", None))],
    ),
    (ONE + '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n', [segment()]),  # of nothing yet
    (  # the same key for several players
        '#EXT-X-KEY:METHOD=AES-128,URI="k"\n'
        '#EXT-X-KEY:METHOD=AES-128,URI="skd",KEYFORMAT="com.example"\n' + ONE,
        [segment(key=SegmentKey("k", None))],
    ),
    (
        '#EXT-X-KEY:METHOD=AES-128,URI="x",KEYFORMAT="com.example"\n#EXT-X-KEY:METHOD=NONE\n' + ONE,
        [segment()],
    ),
    # Variables.
    (
        '#EXT-X-DEFINE:NAME="a",VALUE="x,1"\n#EXTINF:5,{$a}\n{$a}.ts\n',
        [segment(uri="x,1.ts")],
    ),
    (
        '#EXT-X-DEFINE:NAME="a",VALUE="1"\n#EXT-X-KEY:METHOD=AES-128,URI="k{$a}",IV=0x{$a}\n' + ONE,
        [segment(key=SegmentKey("k1", bytes(15) + b"\1"))],
    ),
    # Marks.
    ("#EXT-X-DISCONTINUITY\n" + ONE + ONE, [segment(is_discontinuity=True), segment(1)]),
    (ONE + "#EXT-X-GAP\n" + ONE, [segment(), segment(1, is_missing=True)]),
    ("#EXT-X-DISCONTINUITY-SEQUENCE:3\n" + ONE, [segment()]),
    # What encoders and people write.
    ("#EXTINF:5\na.ts", [segment()]),
    ("#EXTINF: 5.0 , a title, with #EXT and more\n\n  a.ts  \n", [segment()]),
    ("#EXTINF:5,Artist\u2028Title\x0b\x85\na.ts\n", [segment()]),
    ("#EXTINF:5,\n# a comment\n#EXT-X-UNKNOWN:1\na.ts\n", [segment()]),
    ("#EXTINF:0,\na.ts\n", [segment(duration_s=0)]),
    ("#EXT-X-PROGRAM-DATE-TIME:yesterday\n#EXT-X-DATERANGE:ID=,,=\n" + ONE, [segment()]),
    ("#EXT-X-VERSION:x\n#EXT-X-BITRATE:x\n#EXT-X-PART:DURATION=x\n" + ONE, [segment()]),
    ("#EXTM3U\n" + ONE, [segment()]),
    ("#EXTINF:5,\n#EXTINFO:7\na.ts\n", [segment()]),
    ("stray.ts\n" + ONE + "stray.ts\n", [segment()]),
    (ONE + "#EXT-X-MEDIA-SEQUENCE:7\n" + ONE, [segment(7), segment(8)]),
    ("#EXTINF:1,\n" + ONE, [segment()]),  # the later one counts
    (ONE + "#EXTINF:5,\n", [segment()]),  # half written
    (ONE + "#EXT-X-BYTERANGE:5\n", [segment()]),
    ("#EXT-X-BYTERANGE:5\na.ts\n", [segment(duration_s=0, part=(0, 5))]),
    ("", []),
]


@pytest.mark.parametrize(("body", "expected"), BODIES, ids=lambda value: repr(value)[:50])
def test_segments_are_read(body: str, expected: list[Segment]) -> None:
    assert list(segments(body)) == expected


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    text = HEAD + "#EXT-X-DISCONTINUITY\n" + ONE + "#EXT-X-ENDLIST\n"

    for written in ("\ufeff" + text, text.replace("\n", "\r\n"), text.replace("\n", " \n\n\t")):
        assert parse_playlist(written) == parse_playlist(text)


# What it says of its target duration, and what we keep to.
TARGETS = [
    *((":6", 6), (": 9.97 ", 9.97), (":0", 0.1), (":-5", 0.1), (":1e300", 3600)),
    # That of the longest segment.
    *((":" + "9" * 400, 6), (":nan", 6), (":", 6), ("", 6), ("-OF-OTHERS:7", 6)),
]


@pytest.mark.parametrize(("said", "expected"), TARGETS)
def test_a_target_duration_is_kept_within_reason(said: str, expected: float) -> None:
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION{said}\n{ONE}#EXTINF:5.2,\nb.ts\n"

    assert media(text).target_s == expected


DATE = "#EXT-X-PROGRAM-DATE-TIME:"
DATE_S = 1_800_000_000.0  # 2027-01-15T08:00:00Z
# What stands in the playlist, when its segments were said.
DATES = [
    (f"{DATE}2027-01-15T08:00:00Z\n" + 2 * ONE, [DATE_S, DATE_S + 5]),
    (ONE + f"{DATE}2027-01-15T09:00:00.250+01:00\n" + ONE, [None, DATE_S + 0.25]),
    (f"{DATE}2027-01-15T08:00:00\n" + ONE, [DATE_S]),  # without a zone
    (
        f"{DATE}2027-01-15T08:00:00Z\n{ONE}{DATE}2027-01-15T08:01:00+0000\n{ONE}",
        [DATE_S, DATE_S + 60],
    ),
    (f"{DATE}2027-01-15T08:00:00Z\n{ONE}#EXT-X-DISCONTINUITY\n{ONE}", [DATE_S, None]),
    (f"#EXTINF:5,\n{DATE}2027-01-15T08:00:00Z\n#EXT-X-DISCONTINUITY\na.ts\n", [DATE_S]),
    (f"{DATE}2027-01-15T08:00:00Z\n{ONE}{DATE}soon\n{ONE}", [DATE_S, DATE_S + 5]),
    (f"{DATE}\n{ONE}", [None]),
    (f"{ONE}{DATE}2027-01-15T08:00:00Z\n", [None]),  # of parts alone, so far
]


@pytest.mark.parametrize(("body", "expected"), DATES)
def test_dates_count_on_until_the_next_one(body: str, expected: list[float | None]) -> None:
    assert [each.program_time_s for each in segments(body)] == expected


def test_what_is_for_players_in_a_hurry_does_no_harm() -> None:
    hints = (
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0,CAN-SKIP-UNTIL=24\n"
        "#EXT-X-PART-INF:PART-TARGET=0.333\n"
    )
    parts = (
        '#EXT-X-PART:DURATION=0.333,URI="a.1.m4s",INDEPENDENT=YES\n#EXT-X-PART:DURATION=x\n'
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="a.2.m4s"\n#EXT-X-RENDITION-REPORT:URI="b"\n'
    )

    assert segments(hints + parts + ONE + parts) == (segment(),)


# What it says of where to start, and what we make of it.
STARTS = [
    ("TIME-OFFSET=-12.5", -12.5),
    ("PRECISE=YES,TIME-OFFSET=3", 3),
    ("TIME-OFFSET=nan", None),
    ("TIME-OFFSET=-inf", None),
    ("TIME-OFFSET=soon", None),
    ("", None),
]


@pytest.mark.parametrize(("said", "expected"), STARTS)
def test_where_to_start_is_taken_if_it_is_a_number(said: str, expected: float | None) -> None:
    assert media(f"{HEAD}#EXT-X-START:{said}\n{ONE}").start_s == expected


KEY = "#EXT-X-KEY:METHOD=AES-128,"


@pytest.mark.slow
def test_the_longest_playlists_are_read() -> None:
    body = ONE * MAX_SEGMENTS + "#\n" * (MAX_LINES - 2 * MAX_SEGMENTS - 3)
    keyed = "".join(f'{KEY}URI="{number}"\n{ONE}' for number in range(15_000))

    assert len(segments(body)) == MAX_SEGMENTS
    assert segments(keyed)[-1].key == SegmentKey("14999", None)


@pytest.mark.parametrize("body", [ONE * LINES_A_TURN, "\n" * 2 * LINES_A_TURN, ""])
def test_a_playlist_is_read_in_turns_of_so_many_lines(body: str) -> None:
    text = HEAD + body
    reader = PlaylistReader(text)
    turns: list[Playlist | None] = []
    while not turns or turns[-1] is None:
        turns.append(reader.read_on())

    assert len(turns) == text.count("\n") // LINES_A_TURN + 1
    assert turns[-1] == parse_playlist(text)


def test_variables_come_from_the_address_and_from_the_master_playlist() -> None:
    define = '#EXT-X-DEFINE:QUERYPARAM="token"\n#EXT-X-DEFINE:IMPORT="base"\n'
    text = HEAD + define + "#EXTINF:5,\n{$base}/a.ts?token={$token}\n"
    found = parse_playlist(text, "token=abc", {"base": "//cdn.example"})

    assert isinstance(found, MediaPlaylist)
    assert found.segments == (segment(uri="//cdn.example/a.ts?token=abc"),)
