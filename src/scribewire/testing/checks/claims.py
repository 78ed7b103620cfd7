"""What a speech engine claims in its traits: known words, drafts, widths and times."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from scribewire.testing.checks.hypotheses import decode, decode_if_wanted, ids_of, request_for
from scribewire.testing.checks.inputs import inputs

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.requests import DecodeRequest
    from scribewire.types import Samples

LONG = 20  # times over, any draft is longer than what can be said


def check_claims(engine: SpeechEngine, speech: Samples) -> None:
    """Raise AssertionError when the engine cannot do what its traits say.

    `speech` should give it something to say: without a token nothing is known of prefixes.
    """
    traits = engine.traits
    _check_widths(engine, speech)
    if traits.gives_times:
        _check_times(engine, speech)
    if traits.takes_context:
        _check_prefixes(engine, speech)
    if traits.takes_draft:
        _check_drafts(engine, speech)


def _check_widths(engine: SpeechEngine, speech: Samples) -> None:
    widest = engine.traits.max_width
    for width in range(1, widest + 1):
        name = f"a width of {width}"
        request = replace(request_for(speech), width=width)
        found = decode(engine, name, request)
        if width in (2, widest):  # each costs a search; of 1 it has been asked
            again = decode(engine, name, request)
            assert again == found, f"{name}: the same samples, another text"
    for what in ("silence", "one sample", "no samples"):
        wide = replace(request_for(inputs()[what]), width=widest)
        decode(engine, f"{what} at the greatest width", wide)


def _check_times(engine: SpeechEngine, speech: Samples) -> None:
    for name, samples in {"speech": speech, **inputs()}.items():
        plain = request_for(samples)
        request = replace(plain, wants_times=True)
        found = ids_of(decode(engine, f"{name}, with times", request))
        untimed = ids_of(decode(engine, name, plain))
        assert found == untimed, f"{name}: asking for times changed the text"
    widest = replace(request_for(speech), wants_times=True, width=engine.traits.max_width)
    decode(engine, "times at the greatest width", widest)


def _check_prefixes(engine: SpeechEngine, speech: Samples) -> None:
    request = replace(request_for(speech), wants_times=engine.traits.gives_times)
    ids = ids_of(decode(engine, "speech", request))
    for count in sorted({1, len(ids) // 2, len(ids)} & set(range(1, len(ids) + 1))):
        name = f"a prefix of {count} tokens"
        rest = ids_of(decode(engine, name, replace(request, prefix=ids[:count])))
        # Not always the same: with a prefix, near ties may fall the other way.
        is_rest = _likeness(rest, ids[count:]) > _likeness(rest, ids)
        assert is_rest, f"{name} of {ids}: {rest} is not what follows"
    for name, samples in {"speech": speech, **inputs()}.items():
        foreign = replace(request_for(samples), prefix=ids[::-1])
        found = decode(engine, f"{name} after a foreign prefix", foreign)
        assert samples.size or not found.text, "a prefix for no samples: text was heard in them"


def _likeness(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    return SequenceMatcher(a=one, b=other, autojunk=False).ratio()


def _check_drafts(engine: SpeechEngine, speech: Samples) -> None:
    samples = inputs()
    plain = request_for(speech)
    own = decode(engine, "speech", plain)
    silence = decode(engine, "silence", request_for(samples["silence"]))
    wrong = ids_of(decode(engine, "another voice", request_for(samples["another voice"])))
    ids = ids_of(own)
    _decode_draft(engine, "its own draft", plain, ids)
    _decode_draft(engine, "a wrong draft", plain, wrong[::-1])
    _decode_draft(engine, "a draft that is too long", plain, ids * LONG)
    if engine.traits.takes_context and ids:
        _decode_draft(engine, "a draft after a prefix", replace(plain, prefix=ids[:1]), ids[1:])
    believed = _decode_draft(engine, "a draft for no samples", request_for(speech[:0]), ids)
    assert not believed, "a draft for no samples was believed"
    heard = _decode_draft(engine, "a draft for silence", request_for(samples["silence"]), ids)
    assert heard != own.text or own.text in ("", silence.text), "a draft for silence was believed"


def _decode_draft(
    engine: SpeechEngine, name: str, request: DecodeRequest, draft: tuple[int, ...]
) -> str:
    asked = replace(request, is_required=False, draft=draft)
    found = decode_if_wanted(engine, name, asked)
    return found.text if found else ""  # what is not required may be dropped
