"""Each check must be able to fail: the scripted engine, and many that claim what they cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.testing.checks.claims import check_claims
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, draw_speech

SPEECH = draw_speech("..hello there..")


class Honest(ScriptedEngine):
    takes_any_prefix = True


class Plain(Honest):
    """Can do nothing, and does not claim it."""

    traits = replace(
        SCRIPTED_TRAITS, takes_context=False, takes_draft=False, gives_times=False, max_width=1
    )

    def decode(self, request: DecodeRequest) -> DecodeResult:
        asked = (request.prefix, request.draft, request.wants_times, request.width)
        assert asked == ((), (), False, 1)
        return super().decode(request)


@pytest.mark.parametrize("make_engine", [Honest, Plain])
def test_an_honest_engine_passes(make_engine: type[Honest]) -> None:
    check_claims(make_engine(), SPEECH)


def say(text: str) -> DecodeResult:
    return DecodeResult(Hypothesis(text, (Token(7, -0.5, text, start=0, end=0),)))


class FailsWhenWide(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        assert request.width < 3, "too wide"
        return super().decode(request)


class WideOnSpeechAlone(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        assert request.width == 1 or request.samples.any(), "nothing to search"
        return super().decode(request)


class SearchesAtRandom(Honest):
    calls = 0

    def decode(self, request: DecodeRequest) -> DecodeResult:
        self.calls += 1
        result = super().decode(replace(request, wants_times=True))
        return _untimed(say(f"{self.calls}")) if request.width == 2 else _untimed(result)


class NeverTimes(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        return super().decode(replace(request, wants_times=False))


class HearsOtherwiseWithTimes(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        return say("Uh") if request.wants_times else super().decode(request)


class NeverTimesWhenWide(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        is_narrow = request.width == 1
        return super().decode(replace(request, wants_times=request.wants_times and is_narrow))


class IgnoresPrefixes(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        return super().decode(replace(request, prefix=()))


class KnowsEveryPrefix(ScriptedEngine):
    """Fails where the known words are not in the audio."""


class SpeaksWithoutSamples(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        is_bare = request.prefix and not request.samples.size
        return _untimed(say("Uh")) if is_bare else super().decode(request)


class FailsOnDrafts(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        if request.draft:
            raise ValueError("what is this?")
        return super().decode(request)


class FailsOnLongDrafts(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        assert len(request.draft) < 100, "too long"
        return super().decode(request)


class FailsOnDraftsAfterPrefixes(Honest):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        assert not (request.draft and request.prefix), "one or the other"
        return super().decode(request)


class BelievesDrafts(Honest):
    """Where there is nothing to hold them against."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        if not request.draft or request.samples.any():
            return super().decode(request)
        return DecodeResult(_spell(request.draft))


class BelievesDraftsForSilence(BelievesDrafts):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        is_bare = not request.samples.size
        return super().decode(replace(request, draft=()) if is_bare else request)


def _spell(ids: tuple[int, ...]) -> Hypothesis:
    tokens = tuple(Token(id_, -0.1, chr(id_)) for id_ in ids)
    return Hypothesis("".join(token.text for token in tokens), tokens)


def _untimed(result: DecodeResult) -> DecodeResult:
    assert result.hypothesis is not None
    tokens = tuple(replace(token, start=None, end=None) for token in result.hypothesis.tokens)
    return DecodeResult(replace(result.hypothesis, tokens=tokens))


BROKEN: list[tuple[Callable[[], ScriptedEngine], str]] = [
    (FailsWhenWide, "a width of 3: decode raised AssertionError"),
    (WideOnSpeechAlone, "silence at the greatest width: decode raised AssertionError"),
    (SearchesAtRandom, "a width of 2: the same samples, another text"),
    (NeverTimes, "speech, with times: a token without its times"),
    (HearsOtherwiseWithTimes, "speech: asking for times changed the text"),
    (NeverTimesWhenWide, "times at the greatest width: a token without its times"),
    (IgnoresPrefixes, "a prefix of 1 tokens of"),
    (KnowsEveryPrefix, "speech after a foreign prefix: decode raised AssertionError"),
    (SpeaksWithoutSamples, "a prefix for no samples: text was heard in them"),
    (FailsOnDrafts, "its own draft: decode raised ValueError"),
    (FailsOnLongDrafts, "a draft that is too long: decode raised AssertionError"),
    (FailsOnDraftsAfterPrefixes, "a draft after a prefix: decode raised AssertionError"),
    (BelievesDrafts, "a draft for no samples was believed"),
    (BelievesDraftsForSilence, "a draft for silence was believed"),
]


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN)
def test_an_engine_that_cannot_do_what_it_claims_is_told(
    make_engine: Callable[[], ScriptedEngine], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_claims(make_engine(), SPEECH)

    assert sentence in str(caught.value)
