from __future__ import annotations

import numpy as np
import pytest

from scribewire.recognition.final_decode import FinalDecode
from scribewire.recognition.requests import DecodeRequest, Hypothesis

FOUND = Hypothesis("Hello.", ())


def asked(decode: FinalDecode, *prefix: int) -> DecodeRequest:
    request = DecodeRequest(
        utterance=0,
        samples=np.zeros(1, np.float32),
        end_sample=1,
        is_required=True,
        prefix=prefix,
    )
    decode.ask(request)
    return request


def test_the_answer_is_what_was_found() -> None:
    decode = FinalDecode()

    decode.receive(asked(decode, 1), FOUND)

    assert (decode.hypothesis, decode.is_alone) == (FOUND, False)


def test_the_answer_for_other_audio_is_not_taken() -> None:
    decode = FinalDecode()
    late = asked(decode)
    decode.void()
    decode.receive(late, FOUND)
    asked(decode)

    decode.receive(late, FOUND)

    assert decode.hypothesis is None


ASTRAY = [Hypothesis("", ()), Hypothesis("Hello", (), is_complete=False)]


@pytest.mark.parametrize("found", ASTRAY, ids=["empty", "endless"])
def test_what_context_led_astray_is_asked_for_again_alone(found: Hypothesis) -> None:
    decode, alone = FinalDecode(), FinalDecode()

    decode.receive(asked(decode, 1), found)
    alone.receive(asked(alone), found)

    assert (decode.request, decode.hypothesis, decode.is_alone) == (None, None, True)
    assert (alone.hypothesis, alone.is_alone) == (found, False)


def test_other_audio_is_tried_with_its_context_again() -> None:
    decode = FinalDecode()
    decode.receive(asked(decode, 1), ASTRAY[0])

    decode.void()

    assert not decode.is_alone


def test_what_the_final_says_is_accepted_once_it_is_settled() -> None:
    decode = FinalDecode()
    decode.receive(asked(decode), FOUND)

    decode.accept(Hypothesis("", ()))

    assert (decode.hypothesis, decode.is_accepted) == (Hypothesis("", ()), True)
