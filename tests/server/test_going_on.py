from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scribewire.audio.pcm import WIRE_PCM
from scribewire.audio.wire import WireLayout
from scribewire.errors import ClientFault, CloseCode
from scribewire.journal.entries import JournaledFinal, SessionPosition
from scribewire.journal.reader import JournaledSession
from scribewire.protocol.resuming import ComeBack
from scribewire.recognition.checkpoint import begin_anew
from scribewire.server.going_on import beginning_of
from scribewire.server.session_beginning import SessionBeginning
from scribewire.server.session_checkpoint import seal
from scribewire.server.session_results import MAX_KEPT_FINALS
from tests.parts.journaled import BEGAN_MS, final, head

SETTLED, MADE_BY = 32_256, bytes(range(16))
LAYOUT = WireLayout(pcm=WIRE_PCM, header_bytes=44)
HEAD = head(key_id="key", epoch="e", resume_window_ms=30_000)
AT = SessionPosition(
    at_ms=BEGAN_MS,
    received_bytes=99_000,
    replay_from_bytes=64_556,
    audio_ms=2750,
    finals=2,
    settled_ms=2016,
    layout=LAYOUT,
)
RECORDED = JournaledSession(
    session_id="5e55",
    head=HEAD,
    began_at_ms=BEGAN_MS,
    finals=(final(1), final(2)),
    position=AT,
    state="cut off",
    written_at_ms=BEGAN_MS,
    epochs={"d": 1},
)
BACK = ComeBack(session_id="5e55", epoch="e", finals=1, oldest_byte=64_556)


def begin(
    recorded: JournaledSession | None = RECORDED, back: ComeBack = BACK, *, after_ms: int = 0
) -> SessionBeginning:
    return beginning_of(recorded, back, "key", now_ms=BEGAN_MS + after_ms)


def test_it_goes_on_behind_what_is_settled() -> None:
    assert begin(after_ms=30_000) == SessionBeginning(
        checkpoint=begin_anew(SETTLED, utterances=5, speakers=2),
        received_bytes=64_556,
        counted_samples=44_000,
        layout=LAYOUT,
        finals=(final(1).final, final(2).final),
        final_count=2,
        epochs={"d": 1, "e": 2},
    )


def test_with_a_checkpoint_it_goes_on_where_nothing_tells_of_it() -> None:
    checkpoint = replace(begin_anew(SETTLED, utterances=4, speakers=0), begin=20_001)
    recorded = replace(RECORDED, position=replace(AT, checkpoint=seal(checkpoint, MADE_BY)))
    back = replace(BACK, oldest_byte=40_046)

    assert begin(recorded, back) == replace(
        begin(),
        checkpoint=checkpoint,
        made_by=MADE_BY,
        otherwise=begin(),
        received_bytes=40_046,
        told_utterances=5,
    )


@pytest.mark.parametrize(
    ("changed", "finals", "oldest_byte"),
    [
        ({}, (final(1), final(2)), 40_047),  # its client has no such audio any more
        ({}, (final(1),), 40_046),  # nobody knows which utterances were told
        ({"checkpoint": b"damaged"}, (final(1), final(2)), 40_046),
        ({"checkpoint": bytes(100)}, (final(1), final(2)), 40_046),
        ({"layout": None, "replay_from_bytes": 64_556}, (final(1), final(2)), 40_046),
    ],
)
def test_where_it_cannot_it_goes_on_without(
    changed: dict[str, Any], finals: tuple[JournaledFinal, ...], oldest_byte: int
) -> None:
    checkpoint = replace(begin_anew(SETTLED, utterances=4, speakers=0), begin=20_001)
    at = replace(AT, checkpoint=seal(checkpoint, MADE_BY), replay_from_bytes=40_046)
    recorded = replace(RECORDED, position=replace(at, **changed), finals=finals)
    found = begin(recorded, replace(BACK, finals=2, oldest_byte=oldest_byte))

    assert found.checkpoint.begin == SETTLED
    assert found.received_bytes == 64_556
    assert (found.made_by, found.otherwise) == (None, None)


@pytest.mark.parametrize("state", ["open", "cut off", "drained", "complete"])
def test_it_goes_on_unless_its_client_has_let_go_of_it(state: str) -> None:
    recorded = replace(RECORDED, state=state)  # type: ignore[arg-type] # one of those above

    assert begin(recorded).final_count == 2


def test_before_it_is_known_what_its_audio_is_it_begins_anew() -> None:
    recorded = replace(RECORDED, position=None, finals=())

    assert begin(recorded, replace(BACK, finals=0, oldest_byte=0)) == SessionBeginning(
        epochs={"d": 1, "e": 0}
    )


def test_who_has_not_heard_of_the_last_epoch_goes_on_from_the_one_before() -> None:
    assert begin(back=replace(BACK, epoch="d", finals=1)).final_count == 2
    with pytest.raises(ClientFault, match="begun anew"):
        begin(back=replace(BACK, epoch="d", finals=2))


def test_a_final_that_is_missing_keeps_out_only_who_has_not_got_it() -> None:
    recorded = replace(RECORDED, finals=(final(1),))
    beginning = begin(recorded, replace(BACK, finals=2))

    assert (beginning.final_count, beginning.finals) == (2, ())
    with pytest.raises(ClientFault, match="final 2 is not kept"):
        begin(recorded)


def test_as_many_finals_are_told_again_as_by_the_process_that_is_gone() -> None:
    count = MAX_KEPT_FINALS + 5
    recorded = replace(
        RECORDED,
        finals=tuple(final(number) for number in range(1, count + 1)),
        position=replace(AT, finals=count),
    )

    assert len(begin(recorded, replace(BACK, finals=5)).finals) == MAX_KEPT_FINALS
    with pytest.raises(ClientFault, match="final 5 is not kept, the first that is is 6"):
        begin(recorded, replace(BACK, finals=4))


@pytest.mark.parametrize(
    ("recorded", "after_ms"),
    [
        (None, 0),
        (replace(RECORDED, head=None), 0),
        (replace(RECORDED, head=replace(HEAD, key_id="another")), 0),
        (replace(RECORDED, head=replace(HEAD, epoch=None)), 0),
        (replace(RECORDED, state="dropped"), 0),
        (replace(RECORDED, state="failed"), 0),
        (RECORDED, 30_001),
    ],
)
def test_of_what_is_over_or_another_ones_nothing_is_told(
    recorded: JournaledSession | None, after_ms: int
) -> None:
    with pytest.raises(ClientFault, match="no such session of this key") as raised:
        begin(recorded, after_ms=after_ms)

    assert raised.value.close_code is CloseCode.CANNOT_RESUME


@pytest.mark.parametrize(
    ("recorded", "back", "why"),
    [
        (replace(RECORDED, head=replace(HEAD, source_host="radio")), BACK, "stream was pulled"),
        (replace(RECORDED, position=replace(AT, settled_ms=None)), BACK, "recording"),
        (replace(RECORDED, position=replace(AT, finals=1)), BACK, "is damaged"),
        (replace(RECORDED, position=None), BACK, "is damaged"),
        (RECORDED, replace(BACK, finals=3), "it has 2 finals, not 3"),
        (RECORDED, replace(BACK, oldest_byte=64_557), "audio from byte 64556 on"),
    ],
)
def test_what_cannot_be_gone_on_with_is_told(
    recorded: JournaledSession, back: ComeBack, why: str
) -> None:
    with pytest.raises(ClientFault, match=why):
        begin(recorded, back)
