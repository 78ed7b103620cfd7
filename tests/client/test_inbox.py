from __future__ import annotations

from scribewire.client.dialogue import Message
from scribewire.client.inbox import Inbox
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.messages import ShuttingDown

HEL = PartialResult(text="hel", offset_ms=320)


def final(number: int | None) -> FinalResult:
    return FinalResult(text=f"final {number}", offset_ms=1000 * (number or 0), number=number)


def taken(inbox: Inbox) -> list[Message]:
    return list(iter(inbox.next_message, None))


def test_each_final_is_handed_out_once() -> None:
    inbox = Inbox()
    for message in (HEL, final(1), final(2), final(1), final(2), HEL, final(3)):
        inbox.receive(message)

    assert taken(inbox) == [HEL, final(1), final(2), HEL, final(3)]
    assert (inbox.last_final, inbox.last_final_ms) == (3, 3000)


def test_finals_without_numbers_are_all_handed_out() -> None:
    inbox = Inbox()
    for _ in range(2):
        inbox.receive(final(None))

    assert taken(inbox) == [final(None)] * 2
    assert inbox.last_final == 0


def test_that_the_server_goes_down_is_told_once_for_each_time() -> None:
    inbox = Inbox()
    for at in (7, 7, 9):
        inbox.receive(ShuttingDown(at))

    assert taken(inbox) == [ShuttingDown(7), ShuttingDown(9)]


def test_what_nobody_takes_is_not_kept_without_bound() -> None:
    inbox = Inbox()
    for number in range(1, 20_001):
        inbox.receive(final(number))

    assert len(taken(inbox)) == 16_384


def test_how_far_it_has_come_is_never_taken_back() -> None:
    inbox = Inbox()
    inbox.receive(FinalResult(text="hello", offset_ms=640, number=1))
    inbox.receive(FinalResult(text="", offset_ms=0, number=2))

    assert (inbox.last_final, inbox.last_final_ms) == (2, 640)
