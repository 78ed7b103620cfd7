"""Streams in a time of their own; media are PCM as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceAudio, SourceGap, SourceLost, SourceOpened, SourceTrack
from scribewire.sources.faults import invalid_stream
from scribewire.sources.http.bodies import BodyEnd
from scribewire.sources.progressive import ProgressiveStream
from scribewire.sources.replay import WINDOW_BYTES, Beginning
from scribewire.sources.retry import RetryRules
from scribewire.sources.rules import PullRules
from scribewire.sources.steps import (
    BodyOver,
    Connect,
    Connected,
    Failed,
    Hear,
    Heard,
    Known,
    Tell,
)
from tests.parts.world import GARBAGE, INFO, RESET, URL, Answered, Scripted, World, connected, sent

RULES = PullRules(retry=RetryRules(give_up_after_s=60), open_timeout_s=30, random=lambda: 0.0)
PCM = bytes(i * 7 % 251 for i in range(640_000))
AT_ITS_LENGTH = BodyOver(BodyEnd.LENGTH)
AT_A_MARK = BodyOver(BodyEnd.MARK)
AT_A_CLOSE = BodyOver(BodyEnd.CLOSE)
HUNG_UP = "the stream has ended"


def play(
    answer: Connected,
    body: bytes,
    end: BodyOver | Failed,
    *later: Answered,
    first: Beginning | None = None,
    heard_s: float = 0.0,
    duration_ms: int | None = None,
) -> World:
    world = World(Scripted(later), info=replace(INFO, duration_ms=duration_ms))
    world._body = sent(body, end)  # noqa: SLF001 - it is connected already
    world.play(ProgressiveStream(URL, answer, RULES, first, heard_s))
    return world


def part(start: int, end: int, *, at: float = 0.0) -> Answered:
    """Answer a request for the rest, which breaks off again before its end."""
    last = AT_ITS_LENGTH if end == len(PCM) else Failed(RESET)
    return Answered(at, connected(length=len(PCM), start=start), sent(PCM[start:end], last))


def test_a_file_is_heard_and_over() -> None:
    world = play(connected(length=len(PCM)), PCM, AT_ITS_LENGTH)

    assert world.events[0] == SourceOpened(INFO, is_live=False)
    assert world.pcm == PCM
    assert world.over is not None
    assert world.over.fault is None


def test_a_download_that_breaks_off_goes_on_where_it_stopped() -> None:
    length = connected(length=len(PCM))
    rest = (part(200_000, 400_000), part(400_000, len(PCM)))
    world = play(length, PCM[:200_000], Failed(RESET), *rest)

    assert world.pcm == PCM
    assert world.news == [SourceOpened]
    assert [step for _, step in world.asked] == [
        Connect(URL, 200_000, len(PCM)),
        Connect(URL, 400_000, len(PCM)),
    ]


def test_what_is_waited_for_is_lost_and_opened_again() -> None:
    busy = Answered(0, Failed(invalid_stream("HTTP 503", is_transient=True, status=503)))
    world = play(
        connected(length=len(PCM)), PCM[:200_000], Failed(RESET), busy, part(200_000, len(PCM))
    )

    assert world.news == [SourceOpened, SourceLost, SourceOpened]  # and no gap in time
    assert world.pcm == PCM


def test_what_does_not_come_back_is_our_failure_after_its_audio() -> None:
    busy = Answered(0, Failed(invalid_stream("HTTP 503", is_transient=True, status=503)))
    world = play(connected(length=len(PCM)), PCM[:320_000], Failed(RESET), busy)

    assert world.pcm == PCM[:320_000]
    assert world.fault.close_code is CloseCode.SERVER_FAULT
    assert "HTTP 503, from second 10.0 on" in world.fault.message
    assert world.now == 60


def test_a_fetch_that_fails_is_named_before_what_the_decoder_makes_of_it() -> None:
    gone = Answered(0, Failed(invalid_stream("HTTP 404", status=404)))
    world = play(connected(length=len(PCM)), b"", Failed(RESET), gone)

    assert "HTTP 404" in world.fault.message


def test_a_file_whose_end_cannot_be_decoded_says_from_where_on() -> None:
    body = PCM[:320_000] + GARBAGE
    world = World(Scripted([]))
    world._body = sent(body, AT_ITS_LENGTH, piece=320_000)  # noqa: SLF001 - it is connected
    world.play(ProgressiveStream(URL, connected(length=len(body)), RULES))

    assert world.pcm == PCM[:320_000]
    assert "cannot be decoded, from second 10.0 on" in world.fault.message
    assert world.fault.is_final


@pytest.mark.parametrize(
    ("answer", "end", "is_over"),
    [
        (connected(), AT_A_MARK, True),
        (connected(length=len(PCM), is_icy=True), AT_ITS_LENGTH, True),
        (connected(is_icy=True), AT_A_MARK, False),  # a proxy marks the end of a station too
        (connected(), AT_A_CLOSE, False),
        (connected(is_icy=True), AT_A_CLOSE, False),
    ],
)
def test_without_a_length_the_end_is_one_if_it_is_marked(
    answer: Connected, end: BodyOver, is_over: bool
) -> None:
    world = play(answer, PCM, end)

    assert world.events[0] == SourceOpened(
        INFO,
        is_live=True,
        carrier="a radio stream" if answer.is_icy else "a file",
        says_live=answer.is_icy and answer.length is None,
    )
    assert world.pcm == PCM
    assert world.over is not None
    assert (world.over.fault is None) is is_over
    if not is_over:
        assert HUNG_UP in world.fault.message
        assert world.fault.may_pass


@pytest.mark.parametrize(
    ("said_ms", "is_over"),
    [
        (20_000, True),
        (20_900, True),
        (21_100, False),
        (19_100, True),
        (3000, False),  # a station that passes the head of its first piece on
        (0, False),
        (None, False),
    ],
)
def test_a_container_that_says_how_long_it_is_says_whether_that_was_all(
    said_ms: int | None, is_over: bool
) -> None:
    world = play(connected(), PCM, AT_A_CLOSE, duration_ms=said_ms)

    assert world.over is not None
    assert (world.over.fault is None) is is_over


def beginning(data: bytes) -> Beginning:
    first = Beginning()
    first.note(data)
    return first


def test_the_same_once_more_is_not_heard_once_more() -> None:
    world = play(connected(), PCM, AT_A_CLOSE, first=beginning(PCM), heard_s=20)

    assert world.pcm == b""
    assert world.over is not None
    assert world.over.fault is None


def test_a_file_that_had_broken_off_is_heard_on_from_there() -> None:
    first = beginning(PCM[:320_010])
    world = play(connected(), PCM, AT_A_CLOSE, first=first, heard_s=10)

    assert world.events[0] == SourceOpened(INFO, is_live=False)
    assert world.pcm == PCM[320_000:]
    assert world.over is not None
    assert world.over.fault is None


def test_what_is_known_again_after_a_while_is_left_out_to_the_byte() -> None:
    body = PCM * 3
    assert len(PCM) > WINDOW_BYTES
    world = play(connected(), body, AT_A_CLOSE, first=beginning(body[:-4]), heard_s=59.9)

    assert world.pcm == body[round(59.9 * 32_000) :]


@pytest.mark.parametrize("end", [AT_A_CLOSE, Failed(RESET)])
def test_what_ends_sooner_than_it_did_before_is_not_all_of_it(end: BodyOver | Failed) -> None:
    world = play(connected(), PCM, end, first=beginning(PCM * 3), heard_s=60)

    assert world.pcm == b""
    assert "from second 60.0 on" in world.fault.message
    assert world.fault.may_pass


def test_a_station_has_gone_on() -> None:
    world = play(connected(), PCM[100:], AT_A_CLOSE, first=beginning(PCM), heard_s=20)

    assert world.pcm == PCM[100:]
    assert world.fault.may_pass


def test_the_same_that_breaks_off_sooner_may_still_come() -> None:
    world = play(connected(), PCM[:100], Failed(RESET), first=beginning(PCM), heard_s=20)

    assert world.fault is RESET
    assert world.events == []


@pytest.mark.parametrize(
    ("piece", "skip_s", "expected"),
    [
        (SourceGap(2.0), 0.5, SourceGap(1.5)),
        (SourceGap(2.0), 2.0, None),
        (SourceAudio(PCM[:32_000]), 0.25, SourceAudio(PCM[8000:32_000])),
    ],
)
def test_a_gap_is_left_out_as_audio_is(
    piece: SourceAudio | SourceGap, skip_s: float, expected: SourceAudio | SourceGap | None
) -> None:
    assert piece.without_start(skip_s) == expected


def test_another_track_is_told_and_has_no_time_of_its_own() -> None:
    stream = ProgressiveStream(URL, connected(length=len(PCM)), RULES)
    other = replace(INFO, codec="aac", track=2)
    list(stream.begin(0.0))
    list(stream.receive(Known(INFO), 0.0))

    moved = list(stream.receive(Heard(SourceTrack(other)), 1.0))

    assert moved == [Tell(SourceTrack(other)), Hear()]
    assert stream.heard_s == 0.0
