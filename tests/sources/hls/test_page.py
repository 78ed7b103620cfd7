from __future__ import annotations

from scribewire.sources.hls.page import PlaylistPage
from scribewire.sources.hls.playlist import MediaPlaylist
from scribewire.sources.http.urls import check_url

TEXT = """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXT-X-DEFINE:IMPORT="show"
#EXT-X-DEFINE:QUERYPARAM="token"
#EXTINF:1,
{$show}-{$token}.ts
"""


def test_it_is_read_with_what_its_address_and_its_master_define() -> None:
    asked = check_url("http://a.example/list?token=asked")
    came = check_url("http://b.example/list?token=came")
    playlist = PlaylistPage(TEXT, asked, came, {"show": "news"}).reader().read_on()

    assert isinstance(playlist, MediaPlaylist)
    assert playlist.segments[0].media.uri == "news-came.ts"
