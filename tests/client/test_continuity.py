from __future__ import annotations

import pytest

from scribewire.client.continuity import Continuity
from scribewire.protocol.results import FinalResult
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.messages import AudioAcknowledged
from tests.parts.wav import wav

KNOWN = ComeBack(session_id="5e55", epoch="89abcdef", finals=0)


def handed_over(audio: bytes, *, is_pushed: bool = True, is_kept: bool = True) -> Continuity:
    """Return one whose audio was sent."""
    whole = Continuity(is_pushed=is_pushed, is_kept=is_kept)
    whole.audio.add(audio)
    while whole.audio.take():
        pass
    return whole


def final(number: int, offset_ms: int) -> FinalResult:
    return FinalResult(text=f"final {number}", offset_ms=offset_ms, number=number)


def taken(whole: Continuity) -> bytes:
    return b"".join(iter(whole.audio.take, b""))


def test_a_session_is_come_back_to_with_what_there_is_of_it() -> None:
    whole = handed_over(bytes(64_000))
    whole.receive(final(1, 1000))
    whole.let_go(AudioAcknowledged(64_000, 48_000))

    assert whole.come_back(KNOWN) == ComeBack(
        session_id="5e55", epoch="89abcdef", finals=1, oldest_byte=32_000
    )
    assert whole.go_back_to(40_000)
    assert len(taken(whole)) == 24_000
    assert not whole.go_back_to(1)


def test_another_session_goes_on_behind_the_last_final() -> None:
    audio = bytes(32_000) + bytes([1] * 32_000)
    whole = handed_over(audio)
    for one in (final(1, 400), final(2, 1000)):
        whole.receive(one)

    whole.begin_anew()
    went_back = whole.go_back_to(0)
    again = taken(whole)
    whole.receive(final(1, 500))
    whole.let_go(AudioAcknowledged(32_000, 32_000))

    assert went_back
    assert again == audio[32_000:]
    assert [whole.inbox.next_message() for _ in range(4)] == [
        final(1, 400), final(2, 1000), final(3, 1500).__class__(
            text="final 1", offset_ms=1500, number=3
        ), None,
    ]  # fmt: skip
    assert whole.come_back(KNOWN).finals == 1
    assert whole.come_back(KNOWN).oldest_byte == 16_000


def test_without_a_final_another_session_hears_it_all() -> None:
    audio = wav(bytes(3200))
    whole = handed_over(audio)

    whole.begin_anew()

    assert whole.go_back_to(0)
    assert taken(whole) == audio


def test_the_header_is_not_repeated() -> None:
    whole = handed_over(wav(bytes(range(200)) * 16))
    whole.receive(final(1, 50))

    whole.begin_anew()

    assert whole.go_back_to(0)
    assert taken(whole) == (bytes(range(200)) * 16)[1600:]


@pytest.mark.parametrize(
    ("audio", "is_pushed", "is_kept", "expected"),
    [
        (bytes(100), True, True, True),
        (wav(bytes(100)), True, True, True),
        (b"OggS" + bytes(100), True, True, False),
        (bytes(100), False, True, False),
        (bytes(100), True, False, False),
    ],
)
def test_not_every_audio_can_be_parted(
    audio: bytes, *, is_pushed: bool, is_kept: bool, expected: bool
) -> None:
    whole = handed_over(audio, is_pushed=is_pushed, is_kept=is_kept)

    assert whole.can_be_parted is expected


@pytest.mark.parametrize(
    ("audio", "is_pushed", "lost_ms"),
    [
        (bytes(64_000), True, 1000),
        (wav(bytes(64_000)), True, 1000),
        (bytes(16_000), True, 0),
        (b"OggS" + bytes(64_000), True, None),
        (b"", False, None),
    ],
)
def test_what_is_lost_is_what_is_in_no_final(
    audio: bytes, *, is_pushed: bool, lost_ms: int | None
) -> None:
    whole = handed_over(audio, is_pushed=is_pushed)
    whole.receive(final(1, 1000))

    assert whole.lost("gone").lost_ms == lost_ms


@pytest.mark.parametrize(
    ("received", "offset_ms", "expected"),
    [(64_000, 0, False), (63_998, 0, True), (0, 2000, False), (0, 1999, True)],
)
def test_what_has_come_or_is_in_a_final_was_heard(
    received: int, offset_ms: int, *, expected: bool
) -> None:
    whole = handed_over(bytes(64_000))
    whole.receive(final(1, offset_ms))

    assert whole.has_unheard(AudioAcknowledged(received, 0)) is expected


@pytest.mark.parametrize(("is_kept", "start"), [(False, 64_000), (True, 32_000)])
def test_audio_is_kept_for_another_session_though_this_one_cannot_be_resumed(
    *, is_kept: bool, start: int
) -> None:
    whole = handed_over(bytes(64_000), is_kept=is_kept)
    whole.receive(final(1, 1000))

    whole.let_go(None)

    assert whole.audio.start == start
