from __future__ import annotations

import json

import pytest

from scribewire.audio.container import AudioInfo
from scribewire.cluster.pulls.feed import (
    PIECE_BYTES,
    FeedBody,
    FeedMessage,
    FeedOver,
    FeedReleased,
    FeedState,
    decode,
    encode,
    pieces_of,
)
from scribewire.errors import CloseCode
from scribewire.sources.events import (
    SourceAudio,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.faults import SourceFault, authentication_required

INFO = AudioInfo(
    container="mpegts",
    codec="aac",
    rate_hz=48_000,
    channels=2,
    duration_ms=None,
    track=2,
    tracks=("1: mp2, 48000 Hz", "2: aac, 48000 Hz, de"),
)
OPENED = SourceOpened(INFO, is_live=True, carrier="an HLS playlist", says_live=True)


@pytest.mark.parametrize(
    "body",
    [
        FeedState(None),
        FeedState(OPENED, hosts=("a.example", "b.example")),
        FeedState(None, is_for_all=False, hosts=None),
        FeedOver(),
        FeedReleased(),
        SourceAudio(bytes(range(256))),
        SourceAudio(b"\n" * 640),
        SourceLost("it has ended"),
        SourceGap(1.25),
        SourceTrack(INFO),
    ],
)
def test_a_message_is_read_as_it_was_written(body: FeedBody) -> None:
    message = FeedMessage(term=7, epoch="e70c4", at_samples=12_345, body=body)

    assert decode(encode(message)) == message


def test_a_fault_is_told_as_to_clients_and_the_log_keeps_its_own() -> None:
    fault = SourceFault(
        "invalid stream: HTTP 503; try again",
        is_transient=True,
        status=503,
        is_final=True,
        close_code=CloseCode.SERVER_FAULT,
        logged="invalid stream: 10.0.0.7 has said HTTP 503",
    )
    data = encode(FeedMessage(1, "e", 0, FeedOver(fault)))
    found = decode(data)

    assert b"10.0.0.7" not in data
    assert found is not None
    assert isinstance(found.body, FeedOver)
    told = found.body.fault
    assert told is not None
    assert (told.message, told.close_code, told.status, told.is_transient, told.is_final) == (
        fault.message,
        fault.close_code,
        503,
        True,
        True,
    )
    refused = decode(encode(FeedMessage(1, "e", 0, FeedOver(authentication_required("HTTP 401")))))
    assert refused is not None
    assert isinstance(refused.body, FeedOver)
    assert refused.body.fault is not None
    assert refused.body.fault.close_code is CloseCode.CLIENT_FAULT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b"{}\n",
        json.dumps({"kind": "audio", "term": 1, "epoch": "e", "at": None}).encode() + b"\nxx",
        json.dumps({"kind": "audio", "term": 1, "epoch": "e", "at": 0}).encode() + b"\nodd",
        json.dumps({"kind": "audio", "term": 1, "epoch": "e", "at": 0}).encode()
        + b"\n"
        + bytes(PIECE_BYTES + 2),
        json.dumps({"kind": "later", "term": 1, "epoch": "e", "at": 0}).encode() + b"\n",
        json.dumps({"kind": "gap", "term": 1, "epoch": "e", "at": 0, "seconds": {}}).encode(),
        json.dumps({"kind": "gap", "term": 1, "epoch": "e", "at": 0, "seconds": 1e400}).encode(),
        json.dumps({"kind": "track", "term": 1, "epoch": "e", "at": 0, "info": {"x": 1}}).encode(),
        json.dumps(
            {"kind": "over", "term": 1, "epoch": "e", "at": 0, "fault": {"close_code": 7}}
        ).encode(),
    ],
)
def test_what_is_no_message_is_none(data: bytes) -> None:
    assert decode(data) is None


def test_long_audio_is_told_in_pieces() -> None:
    audio = SourceAudio(bytes(range(250)) * 600)
    pieces = list(pieces_of(audio))

    assert all(isinstance(one, SourceAudio) and len(one.pcm) <= PIECE_BYTES for one in pieces)
    assert b"".join(one.pcm for one in pieces if isinstance(one, SourceAudio)) == audio.pcm
    assert list(pieces_of(SourceGap(900.0))) == [SourceGap(900.0)]
