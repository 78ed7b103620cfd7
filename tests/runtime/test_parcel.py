from __future__ import annotations

import json
import math
import struct
from dataclasses import fields, is_dataclass
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from scribewire.errors import ServerFault
from scribewire.recognition.checkpoint import (
    BEGINNING,
    Checkpoint,
    EndpointerState,
    KnownSpeakers,
    KnownVoice,
    SegmenterState,
    TrackState,
    TranscriptState,
    UtterancesState,
    UtteranceState,
    WatcherState,
)
from scribewire.recognition.context import LeadIn
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    Request,
    Result,
    StreamRequest,
    StreamResult,
    Token,
    Turn,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.runtime.parcel import (
    MAX_HEADER_BYTES,
    MAX_PARCEL_BYTES,
    pack,
    unpack,
    unpack_checkpoint,
)
from scribewire.types import Span

NUMBERS = st.integers(0, 2**53)
FLOATS = st.floats()  # not-a-number and infinities too
ARRAYS = of_numpy.arrays(np.float32, st.integers(0, 300), elements=st.floats(width=32))
TEXTS = st.text(st.characters())  # surrogates and all
STATES = st.none() | st.binary(max_size=1300)
IDS = st.lists(st.integers(0, 2**31), max_size=5).map(tuple)
TOKENS = st.builds(
    Token,
    id=NUMBERS,
    logprob=FLOATS,
    text=TEXTS,
    start=st.none() | NUMBERS,
    end=st.none() | NUMBERS,
)
HYPOTHESES = st.builds(
    Hypothesis,
    text=TEXTS,
    tokens=st.lists(TOKENS, max_size=4).map(tuple),
    is_complete=st.booleans(),
    language=st.none() | TEXTS,
)
FINALS = st.builds(
    DecodeRequest,
    utterance=NUMBERS,
    samples=ARRAYS,
    end_sample=NUMBERS,
    is_required=st.sampled_from([True]),
    wants_times=st.booleans(),
    width=st.integers(1, 16),
    prefix=IDS,
    prompt=IDS,
    languages=st.lists(TEXTS, max_size=4).map(tuple),
    expected=st.none() | TEXTS,
)
PARTIALS = st.builds(
    DecodeRequest,
    utterance=NUMBERS,
    samples=ARRAYS,
    end_sample=NUMBERS,
    is_required=st.sampled_from([False]),
    is_awaited=st.booleans(),
    prefix=IDS,
    languages=st.lists(TEXTS, max_size=4).map(tuple),
    draft=IDS,
)
TURNS = st.builds(Turn, voice=NUMBERS, start=NUMBERS, end=NUMBERS)
VALUES: dict[type, st.SearchStrategy[Request | Result]] = {
    VadRequest: st.builds(VadRequest, ARRAYS, STATES),
    VadResult: st.builds(VadResult, st.lists(FLOATS, max_size=9).map(tuple), STATES),
    DecodeRequest: FINALS | PARTIALS,
    DecodeResult: st.builds(DecodeResult, st.none() | HYPOTHESES),
    StreamRequest: st.builds(
        StreamRequest,
        utterance=NUMBERS,
        samples=ARRAYS,
        end_sample=NUMBERS,
        state=STATES,
        is_awaited=st.booleans(),
    ),
    StreamResult: st.builds(StreamResult, st.none() | HYPOTHESES, STATES),
    EmbeddingRequest: st.builds(EmbeddingRequest, utterance=NUMBERS, samples=ARRAYS),
    EmbeddingResult: st.builds(EmbeddingResult, ARRAYS),
    TurnRequest: st.builds(TurnRequest, utterance=NUMBERS, samples=ARRAYS),
    TurnResult: st.builds(TurnResult, st.lists(TURNS, max_size=4).map(tuple)),
}
FRAMES = np.array([0.5, -0.25], np.float32)


def laid_out(value: object) -> object:
    """Return what a value holds, to the last bit, as something that can be compared."""
    if is_dataclass(value):
        held = [(field.name, laid_out(getattr(value, field.name))) for field in fields(value)]
        return type(value).__name__, held
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(laid_out(item) for item in value)
    if isinstance(value, float):
        return "not a number" if math.isnan(value) else struct.pack("<d", value)
    return type(value), value


@settings(max_examples=50)
@given(state=STATES, seconds=FLOATS, probabilities=st.integers(0, 9), ids=IDS, texts=TEXTS)
def test_a_checkpoint_is_equal_after_the_trip(
    state: bytes | None, seconds: float, probabilities: int, ids: tuple[int, ...], texts: str
) -> None:
    frames = probabilities + 40
    value = Checkpoint(
        begin=512,
        vad_state=state,
        segmenter=SegmenterState(
            endpointer=EndpointerState(frames=frames, start=frames - probabilities, is_speech=True),
            track=TrackState(
                frames=frames,
                intervals=(Span(512, 1024), Span(2048, 4096)),
                probabilities=struct.pack(f"<{probabilities}d", *[0.1 + 0.2] * probabilities),
            ),
            watcher=WatcherState(start=2, looked_to=3),
            breaks=ids,
        ),
        utterances=UtterancesState(
            count=3,
            floor=600,
            waiting=(UtteranceState(number=2, start=600, speech_start=700, end=900),),
        ),
        transcript=TranscriptState(
            pieces=(LeadIn(3, ids),),
            said=ids,
            said_in=texts,
            spoken=texts,
            is_sure=True,
            speakers=KnownSpeakers(
                speakers=(KnownVoice(total=state or b"", seconds=seconds),), earlier=1
            ),
        ),
    )

    assert laid_out(unpack_checkpoint(pack(value))) == laid_out(value)


def test_a_checkpoint_that_contradicts_itself_is_none() -> None:
    other = pack(BEGINNING).replace(b'"begin":0', b'"begin":1')

    with pytest.raises(ServerFault, match="no checkpoint: audio from behind it on"):
        unpack_checkpoint(other)
    with pytest.raises(ServerFault, match="no checkpoint: unknown kind"):
        unpack_checkpoint(pack(VadResult((), None)))
    with pytest.raises(ServerFault, match="not a request or a result: unknown kind"):
        unpack(pack(BEGINNING))


def test_every_request_and_every_result_is_tried() -> None:
    assert set(VALUES) == set(get_args(Request | Result))


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@settings(max_examples=50)
@given(data=st.data())
def test_a_value_is_equal_after_the_trip(kind: type, data: st.DataObject) -> None:
    value = data.draw(VALUES[kind])

    assert laid_out(unpack(pack(value))) == laid_out(value)


def test_numbers_of_numpy_arrive_as_pythons_own() -> None:
    drawn = np.float32(0.25), np.float64(0.75)
    value = VadResult((*drawn, 1), None)  # type: ignore[arg-type]  # as an engine might have it

    arrived = unpack(pack(value))

    assert arrived == VadResult((0.25, 0.75, 1.0), None)
    assert isinstance(arrived, VadResult)
    assert {type(number) for number in arrived.probabilities} == {float}


def test_samples_that_arrive_may_be_written_and_belong_to_nobody_else() -> None:
    parcel = pack(VadRequest(FRAMES, None))

    arrived = unpack(parcel)

    assert isinstance(arrived, VadRequest)
    arrived.frames[:] = 0
    assert laid_out(unpack(parcel)) == laid_out(VadRequest(FRAMES, None))


def test_a_parcel_looks_like_this() -> None:
    assert pack(VadRequest(FRAMES, b"ab")) == (
        b"swp\x01"
        b"\x25\x00\x00\x00"
        b'["VadRequest",{"frames":8,"state":2}]'
        b"\x00\x00\x00\x3f\x00\x00\x80\xbe"
        b"ab"
    )


def parcel_of(header: object, behind: bytes = b"", *, head: bytes = b"swp\x01") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return head + struct.pack("<I", len(text)) + text + behind


GARBAGE = {
    "nothing": (b"", "0 bytes: expected 8 to"),
    "too little": (b"swp\x01", "4 bytes: expected 8 to"),
    "something else": (b"GET / HTTP/1.1\r\n\r\n", "it begins with b'GET': expected b'swp'"),
    "a later version": (parcel_of([], head=b"swp\x02"), "version 2: expected 1"),
    "no header": (b"swp\x01\xff\x00\x00\x00[]", "a length of 255 with 2 bytes left"),
    "a huge header": (b"swp\x01\xff\xff\xff\xff[]", "a header of 4294967295 bytes"),
    "no JSON": (parcel_of(b"{]"), "Expecting property name"),
    "no ASCII": (parcel_of('["VadResult",{"é":1}]'.encode()), "'ascii' codec can't decode"),
    "deep JSON": (parcel_of(b"[" * 200_000), "recursion depth"),
    "no list": (parcel_of({}), "unknown kind: expected one of DecodeRequest, "),
    "unknown kind": (parcel_of(["Session", {}]), "unknown kind"),
    "a part of a kind": (parcel_of(["Token", {}]), "unknown kind"),
    "a kind of no text": (parcel_of([["VadResult"], {}]), "unknown kind"),
    "no fields": (parcel_of(["VadRequest", None]), "NoneType where dict was expected"),
    "a field too few": (
        parcel_of(["VadRequest", {"frames": 0}]),
        "VadRequest with other fields than frames, state",
    ),
    "a field too many": (
        parcel_of(["EmbeddingResult", {"vector": 0, "__class__": 0}]),
        "EmbeddingResult with other fields",
    ),
    "a negative length": (parcel_of(["EmbeddingResult", {"vector": -4}]), "a length of -4"),
    "a length of a fraction": (parcel_of(["EmbeddingResult", {"vector": 4.0}]), "a length of 4.0"),
    "a length of truth": (parcel_of(["EmbeddingResult", {"vector": True}]), "a length of True"),
    "part of a number": (parcel_of(["EmbeddingResult", {"vector": 3}], b"abc"), "multiple"),
    "less than said": (parcel_of(["EmbeddingResult", {"vector": 8}], b"abcd"), "with 4 bytes left"),
    "more than said": (parcel_of(["EmbeddingResult", {"vector": 0}], b"a"), "1 bytes belong to no"),
    "a text for a list": (
        parcel_of(["VadResult", {"probabilities": "ab", "state": None}]),
        "str where list was expected",
    ),
    "a text for a number": (
        parcel_of(["VadResult", {"probabilities": ["0.5"], "state": None}]),
        "str where float was expected",
    ),
    "a number without end": (
        parcel_of(["VadResult", {"probabilities": [10**400], "state": None}]),
        "too large",
    ),
    "a promise that is broken": (
        parcel_of(
            [
                "DecodeRequest",
                {
                    "utterance": 0,
                    "samples": 0,
                    "end_sample": 0,
                    "is_required": True,
                    "is_awaited": False,
                    "wants_times": False,
                    "width": 1,
                    "prefix": [],
                    "prompt": [],
                    "languages": [],
                    "expected": None,
                    "draft": [1],
                },
            ]
        ),
        "a final is decoded without a draft",
    ),
}


@pytest.mark.parametrize(("parcel", "words"), GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_parcel_is_told_apart_from_one(parcel: bytes, words: str) -> None:
    with pytest.raises(ServerFault) as caught:
        unpack(parcel)

    assert str(caught.value).startswith("not a request or a result: ")
    assert words in str(caught.value)


def test_a_parcel_has_a_greatest_length() -> None:
    huge = parcel_of(["EmbeddingResult", {"vector": 0}], bytes(MAX_PARCEL_BYTES))

    with pytest.raises(ServerFault, match="expected 8 to 67108864"):
        unpack(huge)
    assert MAX_HEADER_BYTES < MAX_PARCEL_BYTES


@given(
    parcel=st.sampled_from([pack(VadRequest(FRAMES, b"ab")), pack(DecodeResult(None))]),
    at=st.integers(0, 60),
    put=st.binary(max_size=4),
    cut=st.integers(0, 4),
)
def test_a_damaged_parcel_gives_a_value_or_a_fault_and_nothing_else(
    parcel: bytes, at: int, put: bytes, cut: int
) -> None:
    damaged = parcel[:at] + put + parcel[at + cut :]

    try:
        arrived = unpack(damaged)
    except ServerFault:
        return
    assert type(arrived) in VALUES
