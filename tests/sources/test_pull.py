"""Whole pulls in a time of their own: hours of radio, and how it is found."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault, authentication_required, invalid_stream
from scribewire.sources.finding import MAX_TRIED
from scribewire.sources.hls.page import PlaylistPage
from scribewire.sources.hls.playlist import is_hls, parse_playlist
from scribewire.sources.hls.segments import SegmentBytes
from scribewire.sources.http.bodies import BodyEnd
from scribewire.sources.http.urls import check_url
from scribewire.sources.pull import Pull
from scribewire.sources.retry import RetryRules
from scribewire.sources.rules import PullRules
from scribewire.sources.steps import (
    BodyOver,
    Connect,
    Failed,
    FetchSegment,
    Over,
    PlaylistCame,
    ReadPlaylist,
    Received,
    SegmentCame,
)
from tests.parts.world import (
    GARBAGE,
    RESET,
    URL,
    Answered,
    Body,
    Scripted,
    World,
    connected,
    sent,
)

RULES = PullRules(retry=RetryRules(), open_timeout_s=30, random=lambda: 0.0)
BLOCKS_A_S = 10
BLOCK_BYTES = 3200
CLOSED = BodyOver(BodyEnd.CLOSE)
GONE = invalid_stream("the server answered HTTP 404", status=404)
REFUSED = invalid_stream("the server cannot be reached", is_transient=True)
STALLED = invalid_stream("nothing came for 20 s", is_transient=True)


@lru_cache(maxsize=1 << 16)
def block(number: int) -> bytes:
    """Return a tenth of a second of what a station sends, unlike any other."""
    samples = np.random.default_rng(number).integers(-5000, 5000, BLOCK_BYTES // 2)
    return samples.astype("<i2").tobytes()


def numbers(pcm: bytes, known: dict[bytes, int]) -> list[int]:
    return [known[pcm[i : i + BLOCK_BYTES]] for i in range(0, len(pcm), BLOCK_BYTES)]


@dataclass
class BadRadio:
    """A station on whose line all goes wrong that does, by a seed.

    It is on the air all the time. Who connects is sent some of the last seconds at once.
    """

    seed: int
    sent: dict[bytes, int] = field(default_factory=dict)
    _random: random.Random = field(init=False)
    _was_heard: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def connect(self, step: Connect, now: float) -> Answered:
        chance = self._random.random()
        if self._was_heard and chance < 0.4:
            fault = self._random.choice([GONE, REFUSED, RESET])
            return Answered(now + self._random.choice([0.01, 2.0]), Failed(fault))
        self._was_heard = True
        # Redirected, it comes from somewhere else each time.
        answer = connected(url=check_url(f"http://{self._random.randrange(9)}.example/"))
        return Answered(now + 0.05, answer, self._air(now + 0.05))

    def _air(self, now: float) -> Body:
        lasts_s = self._random.choice([3.0, 40.0, 200.0, 500.0])
        first = max(int(now * BLOCKS_A_S) - self._random.randrange(0, 10 * BLOCKS_A_S), 0)
        last = int((now + lasts_s) * BLOCKS_A_S)
        for number in range(first, last):
            self.sent[block(number)] = number
            yield max(now, (number + 1) / BLOCKS_A_S), Received(block(number))
        ends: list[BodyOver | Failed] = [CLOSED, Failed(RESET), Failed(STALLED)]
        end = self._random.choice(ends)
        silence_s = 20.0 if end == Failed(STALLED) else 0.0
        yield now + lasts_s + silence_s, end

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        raise AssertionError(step)

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        raise AssertionError(step)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_an_hour_of_a_bad_radio_is_heard_once_and_what_is_missing_told(seed: int) -> None:
    radio = BadRadio(seed)
    world = World(radio)
    world.play(Pull(URL, RULES), until=3600)

    heard = numbers(world.pcm, radio.sent)
    assert heard == sorted(set(heard)), "nothing twice, nothing in the wrong order"
    # Until the last piece, or the last look at a loss that lasts (30 s of it may be sent again).
    begun_s = heard[0] / BLOCKS_A_S
    told_s = begun_s + len(world.pcm) / 32_000 + world.gaps_s
    last = max(at for at, event in world.told if isinstance(event, SourceAudio | SourceGap))
    away_s = 31.0 if isinstance(world.events[-1], SourceGap | SourceLost) else 0.5
    assert told_s == pytest.approx(last, abs=away_s)
    # Each piece stands where it was said.
    at_s = begun_s
    for event in world.events:
        if isinstance(event, SourceAudio):
            said_s = numbers(event.pcm, radio.sent)[0] / BLOCKS_A_S
            assert at_s == pytest.approx(said_s, abs=0.5)
        if isinstance(event, SourceAudio | SourceGap):
            at_s += event.seconds


def scripted(*answers: Answered | SourceFault) -> World:
    world = World(Scripted(answers))
    world.play(Pull(URL, RULES))
    return world


def live(pcm: bytes, *, head: bytes = b"") -> Answered:
    return Answered(0.1, connected(head=head), sent(pcm, CLOSED))


ONE = b"".join(map(block, range(30)))
OTHER = b"".join(map(block, range(50, 80)))


def test_a_file_that_nobody_called_one_is_heard_once() -> None:
    world = scripted(live(ONE), live(ONE))

    assert world.pcm == ONE
    assert world.over is not None
    assert world.over.fault is None
    assert len(world.asked) == 2


def test_a_file_that_broke_off_without_a_length_is_heard_to_its_end() -> None:
    whole = ONE + OTHER
    world = scripted(
        Answered(0.1, connected(), sent(whole[: len(ONE)], Failed(RESET))),
        Answered(0.1, connected(), sent(whole, CLOSED)),
    )

    assert world.pcm == whole
    assert world.gaps_s == 0
    assert world.over is not None
    assert world.over.fault is None


def test_a_file_without_a_length_may_break_off_again_and_again() -> None:
    whole = (ONE + OTHER) * 4
    sizes = [200_000, 150_000, 400_000, 300_000, len(whole)]
    world = scripted(
        *(Answered(0.1, connected(), sent(whole[:size], Failed(RESET))) for size in sizes[:-1]),
        Answered(0.1, connected(), sent(whole, CLOSED)),
    )

    assert world.pcm == whole
    assert world.over == Over()


def test_a_file_without_a_length_that_does_not_go_on_is_given_up() -> None:
    broken = (ONE + OTHER)[:150_000]
    world = scripted(*(Answered(0.1, connected(), sent(broken, Failed(RESET))) for _ in range(99)))

    assert world.pcm == broken
    assert world.fault.close_code is CloseCode.SERVER_FAULT
    assert world.now >= RULES.retry.give_up_after_s


def test_a_live_source_is_given_up_as_our_failure() -> None:
    world = scripted(live(ONE), live(OTHER), GONE)

    assert world.pcm == ONE + OTHER
    assert world.fault.close_code is CloseCode.SERVER_FAULT
    assert world.now == pytest.approx(300, abs=10)
    assert len(world.asked) < 30


def test_a_source_that_never_gave_audio_is_not_tried_again() -> None:
    world = scripted(REFUSED, live(ONE))

    assert world.fault is REFUSED
    assert len(world.asked) == 1


def test_who_says_nothing_is_not_waited_for_longer_than_told() -> None:
    world = scripted(Answered(1000, connected()))

    assert "connection timeout" in world.fault.message
    assert world.now == RULES.open_timeout_s


def test_a_slow_file_is_compared_for_as_long_as_it_takes() -> None:
    slow = Answered(0.1, connected(), sent(ONE, CLOSED, every_s=10))
    world = scripted(live(ONE), slow)

    assert world.now > RULES.open_timeout_s
    assert world.pcm == ONE
    assert world.over is not None
    assert world.over.fault is None


# Lists.


@dataclass
class Site:
    """Pages by their path; what is not there is down, and `SILENT` never answers."""

    pages: dict[str, str | bytes]
    silent: tuple[str, ...] = ()

    def connect(self, step: Connect, now: float) -> Answered:
        page = self.pages.get(step.url.target)
        if step.url.target in self.silent:
            return Answered(now + 1e5, connected())
        if page is None:
            return Answered(now, Failed(invalid_stream(f"{step.url.target} is down", status=503)))
        head = page.encode() if isinstance(page, str) else page
        answer = connected(url=step.url, head=head[:16], length=len(head))
        return Answered(now, answer, sent(head, BodyOver(BodyEnd.LENGTH)))

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        text = self.pages[step.url.target]
        assert isinstance(text, str)
        page = PlaylistPage(text, step.url, step.url, step.imported)
        return now, PlaylistCame(page, parse_playlist(text) if is_hls(text) else None)

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        media = self.pages[step.base.join(step.segment.media.uri).target]
        assert isinstance(media, bytes)
        return now, SegmentCame(SegmentBytes(media=media, initialization=b"", format="ts"))


@dataclass
class ListedStation:
    """A list of two addresses: the first never works, the other breaks off and is down for 5 s."""

    first: str
    was_refused: bool = False

    def connect(self, step: Connect, now: float) -> Answered:
        is_station = step.url.target == "/station"
        if step.url.target == "/denied":
            fault = authentication_required("the server answered HTTP 403", status=403)
            return Answered(now, Failed(fault))
        if is_station and 0 < now < 5:
            self.was_refused = True
            return Answered(now, Failed(REFUSED))
        on_air = range(round(now * BLOCKS_A_S), round(now * BLOCKS_A_S) + 30)
        body = b"".join(map(block, on_air)) if is_station else self._text().encode()
        answer = connected(url=step.url, head=body[:16], is_icy=is_station)
        return Answered(now, answer, sent(body, CLOSED, at=now))

    def playlist(self, step: ReadPlaylist, now: float) -> tuple[float, PlaylistCame | Failed]:
        return now, PlaylistCame(PlaylistPage(self._text(), step.url, step.url), None)

    def segment(self, step: FetchSegment, now: float) -> tuple[float, SegmentCame | Failed]:
        raise AssertionError(step)

    def _text(self) -> str:
        return f"[playlist]\nFile1={self.first}\nFile2=/station\n"


def find(pages: dict[str, str | bytes], *silent: str) -> World:
    world = World(Site(pages, silent))
    world.play(Pull(URL, RULES))
    return world


def paths(world: World) -> list[str]:
    return [step.url.target for _, step in world.asked if isinstance(step, Connect)]


STATIONS = "[playlist]\nFile1=/down\nFile2=/one\nFile3=/other\n"
SEGMENTS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/one.ts\n#EXT-X-ENDLIST\n"
MASTER = "#EXTM3U\n" + "".join(
    f"#EXT-X-STREAM-INF:BANDWIDTH={i}\n{uri}\n" for i, uri in enumerate(("/down", "/one"))
)


@pytest.mark.parametrize("leads", [STATIONS, MASTER])
def test_the_next_is_tried_when_the_first_is_down(leads: str) -> None:
    world = find({"/live": leads, "/one": ONE})

    assert world.pcm == ONE
    assert paths(world) == ["/live", "/down", "/one"]
    assert world.news == [SourceOpened]


@pytest.mark.parametrize("first", [GARBAGE, "#EXTM3U\n"])
def test_the_next_is_tried_when_the_first_has_no_sound(first: str | bytes) -> None:
    world = find({"/live": STATIONS, "/down": first, "/one": ONE})

    assert world.pcm == ONE
    assert world.news == [SourceOpened]


def test_who_is_silent_takes_half_of_the_time() -> None:
    world = find({"/live": STATIONS, "/other": ONE}, "/down", "/one")

    assert [at for at, _ in world.asked if at] == [
        RULES.open_timeout_s / 2,
        RULES.open_timeout_s * 3 / 4,
    ]
    assert world.pcm == ONE


def test_where_nothing_has_sound_the_first_says_why() -> None:
    world = find({"/live": STATIONS})

    assert "/down is down" in world.fault.message
    assert paths(world) == ["/live", "/down", "/one", "/other"]


def test_the_connection_that_brought_a_playlist_is_let_go() -> None:
    world = find({"/live": SEGMENTS, "/one.ts": ONE})

    assert world.pcm == ONE
    assert world.over == Over()


@pytest.mark.parametrize("first", ["https://", "/denied"])
def test_a_station_is_waited_for_though_another_address_never_worked(first: str) -> None:
    station = ListedStation(first)
    world = World(station)
    world.play(Pull(URL, RULES), until=20)

    assert station.was_refused
    assert world.over is None
    assert world.news.count(SourceOpened) > 1


def test_an_address_that_may_not_be_is_left_out() -> None:
    world = find({"/live": STATIONS.replace("/down", "ftp://a.example/"), "/one": ONE})

    assert world.pcm == ONE
    assert paths(world) == ["/live", "/one"]


def test_lists_that_lead_to_lists_come_to_an_end() -> None:
    world = find({"/live": "[playlist]\nFile1=/live\nFile2=/live\n"})

    assert "only lead to other playlists" in world.fault.message
    assert len(world.asked) < 40


def test_lists_of_lists_lead_to_few_requests() -> None:
    lists = "[playlist]\n" + "".join(f"File{i}=/live?{i}\n" for i in range(1, 21))
    world = find({"/live": lists, **{f"/live?{i}": lists for i in range(1, 21)}})

    assert "only lead to other playlists" in world.fault.message
    assert len(paths(world)) == MAX_TRIED
