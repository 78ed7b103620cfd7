from __future__ import annotations

import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import jiwer
import numpy as np
import pytest

from scribewire.engines.moonshine.engine import MAX_TOKENS_PER_SECOND, MoonshineEngine
from scribewire.engines.moonshine.family import MIN_SAMPLES, TINY_EN
from scribewire.errors import ModelFault, ServerFault
from scribewire.recognition.requests import DecodeRequest, Hypothesis
from scribewire.testing import check_engine

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.types import Samples

DOUBTFUL = -0.2  # as the model's fitted numbers say
BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
    "age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the "
    "season of Light"
)


def word_error(reference: str, text: str) -> float:
    plain = [re.sub(r"[^a-z ]", "", words.lower()) for words in (reference, text)]
    return float(jiwer.wer(plain[0], plain[1]))


def sureness(hypothesis: Hypothesis) -> float:
    return float(np.mean([token.logprob for token in hypothesis.tokens]))


def decode(
    engine: MoonshineEngine,
    samples: Samples,
    *,
    wants_times: bool = False,
    prefix: tuple[int, ...] = (),
    is_required: bool = True,
) -> Hypothesis:
    request = DecodeRequest(
        utterance=0,
        samples=samples,
        end_sample=samples.size,
        is_required=is_required,
        wants_times=wants_times,
        prefix=prefix,
    )
    hypothesis = engine.decode(request).hypothesis
    assert hypothesis is not None
    return hypothesis


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "end_s", "reference"),
    [("beckett.wav", 10, BECKETT), ("two_cities.wav", 15, TWO_CITIES)],
)
def test_real_speech_becomes_its_text(
    name: str, end_s: int, reference: str,
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples],
) -> None:  # fmt: skip
    hypothesis = decode(moonshine, read_recording(name)[: end_s * 16_000])

    assert word_error(reference, hypothesis.text) <= 0.06
    assert hypothesis.is_complete
    # Clear speech is believed: the geometric mean of the token probabilities.
    assert math.exp(np.mean([token.logprob for token in hypothesis.tokens])) > 0.7


def test_the_tokens_spell_the_text(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    hypothesis = decode(moonshine, read_recording("beckett.wav")[:32_000])

    assert hypothesis.text.startswith("Ever tried")
    assert "".join(token.text for token in hypothesis.tokens).strip() == hypothesis.text
    assert all(token.logprob <= 0 for token in hypothesis.tokens)


@pytest.mark.slow
@pytest.mark.parametrize("drafted_s", [4, 10], ids=["of less", "of other speech"])
def test_a_draft_is_checked_not_believed(
    drafted_s: int, moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")
    drafted = speech[: drafted_s * 16_000]
    if drafted_s == 10:
        drafted = read_recording("two_cities.wav")[: drafted_s * 16_000]
    draft = tuple(token.id for token in decode(moonshine, drafted).tokens)
    request = DecodeRequest(
        utterance=0, samples=speech, end_sample=speech.size, is_required=False, draft=draft
    )

    found = moonshine.decode(request).hypothesis

    assert found is not None
    assert found.is_complete
    assert word_error(BECKETT, found.text) <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize(("name", "end_s"), [("beckett.wav", 10), ("two_cities.wav", 15)])
def test_asking_for_times_changes_nothing_else(
    name: str, end_s: int, moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording(name)[: end_s * 16_000]

    timed = decode(moonshine, speech, wants_times=True)

    untimed = tuple(replace(token, start=None, end=None) for token in timed.tokens)
    assert replace(timed, tokens=untimed) == decode(moonshine, speech)
    edges = [edge for token in timed.tokens for edge in (token.start, token.end)]
    assert None not in edges
    known = [edge for edge in edges if edge is not None]
    assert known == sorted(known)
    assert 0 <= known[0] <= known[-1] <= speech.size


@pytest.mark.slow
def test_words_are_placed_where_they_are_heard(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")
    level = np.sqrt(np.convolve(np.square(speech), np.ones(800) / 800, mode="same"))

    timed = decode(moonshine, speech, wants_times=True)

    heard = [token for token in timed.tokens if token.text.strip().isalpha()]
    assert len(heard) >= 12
    for token in heard:
        assert token.start is not None
        assert token.end is not None
        assert level[token.start : token.end].max() > 0.03, token
        assert 0.15 * 16_000 < token.end - token.start < 1.1 * 16_000, token
    loud = level > 0.02
    covered = sum(int(loud[token.start : token.end].sum()) for token in heard)
    assert covered > 0.97 * loud.sum()


def starts_of(hypothesis: Hypothesis) -> dict[str, int | None]:
    """Where each long token is that stands once."""
    texts = [token.text for token in hypothesis.tokens]
    return {
        token.text: token.start
        for token in hypothesis.tokens
        if len(token.text) > 3 and texts.count(token.text) == 1
    }


def noisy_pieces(speech: Samples) -> list[Samples]:
    noise = np.random.default_rng(5).standard_normal(speech.size).astype(np.float32)
    mixed = speech + noise * np.float32(0.01)
    return [mixed[start : start + 48_000] for start in range(0, 96_000, 16_000)]


@pytest.mark.slow
def test_a_doubtful_final_is_heard_again_and_the_surer_hearing_taken(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    pieces = noisy_pieces(read_recording("two_cities.wav"))

    once = [sureness(decode(moonshine, piece, is_required=False)) for piece in pieces]
    finals = [sureness(decode(moonshine, piece)) for piece in pieces]

    assert all(final >= first for final, first in zip(finals, once, strict=True))
    assert any(final > first for final, first in zip(finals, once, strict=True))
    assert all(
        final == first for final, first in zip(finals, once, strict=True) if first > DOUBTFUL
    )


@pytest.mark.slow
def test_the_words_of_a_second_hearing_stand_where_those_of_a_first_would(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    pieces = noisy_pieces(read_recording("two_cities.wav"))
    hearings = [
        (
            decode(moonshine, p, wants_times=True, is_required=False),
            decode(moonshine, p, wants_times=True),
        )
        for p in pieces
    ]

    others = [(first, second) for first, second in hearings if first.tokens != second.tokens]

    assert others
    starts = [
        (again[word], before[word])
        for first, second in others
        for before, again in [(starts_of(first), starts_of(second))]
        for word in before.keys() & again.keys()
    ]
    moved = [again - before for again, before in starts if again is not None and before is not None]
    assert len(moved) == len(starts) > 5
    assert np.median(np.abs(moved)) < 800  # a few are other words, spelled alike
    assert abs(np.median(moved)) < 200  # the silence before the audio is not counted


@pytest.mark.slow
@pytest.mark.parametrize("known_count", [1, 5])
def test_a_known_prefix_is_not_repeated(
    known_count: int, moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")
    whole = decode(moonshine, speech, wants_times=True)
    prefix = tuple(token.id for token in whole.tokens[:known_count])

    rest = decode(moonshine, speech, wants_times=True, prefix=prefix)

    assert [token.id for token in rest.tokens] == [token.id for token in whole.tokens[known_count:]]
    assert rest.text == "".join(token.text for token in whole.tokens[known_count:]).strip()
    assert [token.start for token in rest.tokens] == [
        token.start for token in whole.tokens[known_count:]
    ]


def test_a_prefix_as_long_as_the_guard_leaves_nothing_to_say(moonshine: MoonshineEngine) -> None:
    hypothesis = decode(moonshine, np.zeros(MIN_SAMPLES, np.float32), prefix=(500,))

    assert hypothesis == Hypothesis("", (), is_complete=False)


def test_no_search_is_wider_than_it_claims(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")[:32_000]
    widest, wider = (
        DecodeRequest(
            utterance=0, samples=speech, end_sample=speech.size, is_required=True, width=width
        )
        for width in (moonshine.traits.max_width, 1000)
    )

    assert moonshine.decode(wider) == moonshine.decode(widest)


def test_silence_with_times_is_no_different(moonshine: MoonshineEngine) -> None:
    silence = np.zeros(8_000, np.float32)

    assert decode(moonshine, silence, wants_times=True).text == decode(moonshine, silence).text


@pytest.mark.parametrize("count", [0, 1, 383, MIN_SAMPLES - 1])
def test_audio_too_short_for_the_encoder_is_nothing(count: int, moonshine: MoonshineEngine) -> None:
    assert decode(moonshine, np.full(count, 0.5, np.float32)) == Hypothesis("", ())


@pytest.mark.parametrize("count", [MIN_SAMPLES, MIN_SAMPLES + 1, 1024])
def test_the_shortest_audio_for_the_encoder_is_decoded(
    count: int, moonshine: MoonshineEngine
) -> None:
    hypothesis = decode(moonshine, np.zeros(count, np.float32))

    assert len(hypothesis.tokens) <= math.ceil(MAX_TOKENS_PER_SECOND * count / 16_000)


def test_the_guard_ends_a_decode_that_goes_on(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    fast = read_recording("beckett.wav")[4_000:14_000:10].copy()

    hypothesis = decode(moonshine, fast)

    assert len(hypothesis.tokens) == 1
    assert not hypothesis.is_complete


@pytest.mark.slow
def test_decodes_side_by_side_do_not_disturb_each_other(
    moonshine: MoonshineEngine, read_recording: Callable[[str], Samples]
) -> None:
    speech = read_recording("beckett.wav")
    pieces = [speech[start : start + 24_000] for start in range(0, 96_000, 12_000)]
    alone = [decode(moonshine, piece) for piece in pieces]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda piece: decode(moonshine, piece), pieces))

    assert together == alone


def test_it_says_which_languages_it_understands(moonshine: MoonshineEngine) -> None:
    assert moonshine.traits.languages == {"en"}


@pytest.mark.slow
def test_it_keeps_the_contract_of_an_engine(read_recording: Callable[[str], Samples]) -> None:
    speech = read_recording("beckett.wav")[:32_000]

    check_engine(lambda: MoonshineEngine.load(TINY_EN), speech=speech)


@pytest.mark.slow
def test_after_closing_even_no_samples_are_refused() -> None:
    engine = MoonshineEngine.load(TINY_EN)
    engine.close()

    with pytest.raises(ServerFault, match="used after it was closed"):
        decode(engine, np.empty(0, np.float32))


def test_missing_files_are_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"tokenizer\.bin: no such file"):
        MoonshineEngine.load(TINY_EN, tmp_path)
