from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ctranslate2
import jiwer
import numpy as np
import pytest

from scribewire.engines.device import load_on_device
from scribewire.engines.whisper.device import count_gpus
from scribewire.engines.whisper.engine import WhisperEngine
from scribewire.engines.whisper.family import WHISPER_BASE
from scribewire.engines.whisper.features import HOP_SAMPLES, log_mel
from scribewire.engines.whisper.tokenizer import NO_TIMES, START, TRANSCRIBE, ByteTokenizer
from scribewire.errors import ModelFault, ServerFault
from scribewire.recognition.requests import DecodeRequest, Hypothesis
from scribewire.testing import check_engine
from tests.parts.multilingual import whisper_base
from tests.parts.tiny_whisper import build

if TYPE_CHECKING:
    from scribewire.types import Samples

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
LANGUAGES = frozenset({"en", "nl", "fr", "de"})
assert WHISPER_BASE.fitted is not None
FITTED: Path = WHISPER_BASE.fitted


def load(folder: Path, *, threads: int = 1) -> WhisperEngine:
    return WhisperEngine.load(folder, languages=LANGUAGES, fitted=FITTED, threads=threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def whisper() -> Iterator[WhisperEngine]:
    with whisper_base() as folder:
        engine = load(folder, threads=2)
    yield engine
    engine.close()


def request_for(samples: Samples, language: str = "en") -> DecodeRequest:
    return DecodeRequest(
        utterance=0,
        samples=samples,
        end_sample=samples.size,
        is_required=True,
        wants_times=True,
        languages=(language,),
    )


def decode(engine: WhisperEngine, request: DecodeRequest) -> Hypothesis:
    hypothesis = engine.decode(request).hypothesis
    assert hypothesis is not None
    return hypothesis


def word_error(reference: str, text: str) -> float:
    plain = [re.sub(r"[^a-z ]", "", words.lower()) for words in (reference, text)]
    return float(jiwer.wer(plain[0], plain[1]))


@pytest.mark.slow
def test_a_tiny_model_keeps_the_contract(tiny: Path) -> None:
    check_engine(lambda: load(tiny))


class WithoutCublas:
    """A model of CTranslate2 on a machine that lacks a library of CUDA."""

    n_mels = 80

    def __init__(self, *_where: object, **_how: object) -> None:
        """It is loaded without it."""

    def encode(self, _features: object) -> object:
        raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")


@pytest.mark.slow
def test_what_only_the_first_call_tells_is_told_by_the_load(tiny: Path) -> None:
    with pytest.raises(ModelFault, match=r"on cuda: Library libcublas\.so\.12 is not found"):
        WhisperEngine.load(
            tiny, languages=LANGUAGES, fitted=FITTED, device="cuda", open_model=WithoutCublas
        )


@pytest.mark.slow
@pytest.mark.skipif(count_gpus() > 0, reason="there is a GPU, which is used")
def test_without_a_gpu_that_works_the_real_library_falls_back(tiny: Path) -> None:
    engine = load_on_device(
        "auto",
        lambda device: WhisperEngine.load(tiny, languages=LANGUAGES, fitted=FITTED, device=device),
        lambda: None,
    )

    assert engine.traits.device == "cpu"
    engine.close()


@pytest.mark.slow
def test_the_library_adds_the_mark_for_no_times_to_what_it_aligns(
    read_recording: Callable[[str], Samples],
) -> None:
    """So we do not: given twice, the probabilities are not those that the decoder had."""
    samples = np.pad(read_recording("beckett.wav")[:48_000], (0, 48_000))
    with whisper_base() as folder:
        model = ctranslate2.models.Whisper(str(folder), compute_type="float32")
        tokenizer = ByteTokenizer.load(folder / "tokenizer.json")
    marks = [tokenizer.mark(START), tokenizer.language("en"), tokenizer.mark(TRANSCRIBE)]
    no_times = tokenizer.mark(NO_TIMES)
    features = np.ascontiguousarray(log_mel(samples, model.n_mels)[np.newaxis])
    encoding = model.encode(ctranslate2.StorageView.from_array(features))
    (found,) = model.generate(
        encoding,
        [[*marks, no_times]],
        beam_size=1,
        length_penalty=0,
        return_scores=True,
        suppress_blank=False,
        suppress_tokens=[],
    )
    ids = found.sequences_ids[0]

    def logprob(begun: list[int]) -> float:
        (aligned,) = model.align(encoding, begun, [ids], [samples.size // HOP_SAMPLES])
        return float(np.log(aligned.text_token_probs).sum())

    assert found.scores[0] <= logprob(marks), "without the mark, text would be unlikely"
    assert abs(logprob([*marks, no_times]) - logprob(marks)) > 0.01


@pytest.mark.slow
def test_the_real_model_keeps_the_contract(read_recording: Callable[[str], Samples]) -> None:
    with whisper_base() as folder:
        check_engine(lambda: load(folder), speech=read_recording("beckett.wav")[:32_000])


@pytest.mark.slow
@pytest.mark.parametrize("n_mels", [80, 128])
def test_models_of_either_number_of_mel_bins_run(n_mels: int, tmp_path: Path) -> None:
    engine = load(build(tmp_path, n_mels))
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)

    assert decode(engine, request_for(samples)).tokens
    assert sum(engine.language_probabilities(samples).values()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
def test_real_speech_becomes_its_text_and_its_language(
    whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    found = decode(whisper, request_for(read_recording("beckett.wav")))

    assert word_error(BECKETT, found.text) <= 0.1
    assert found.is_complete
    assert found.language == "en"


@pytest.mark.slow
def test_the_language_is_found_among_several(
    whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    request = request_for(read_recording("two_cities.wav")[:80_000])
    free = decode(whisper, replace(request, languages=()))
    locked = decode(whisper, replace(request, languages=("nl",)))
    expected = decode(whisper, replace(request, languages=("en", "nl"), expected="nl"))

    assert free.language == "en"
    assert locked.language is None, "it is written as Dutch, and was not spoken"
    assert expected.language == "en", "what is expected gives way to strong evidence"


@pytest.mark.slow
def test_a_model_that_serves_one_language_does_not_claim_it_for_another(
    read_recording: Callable[[str], Samples],
) -> None:
    with whisper_base() as folder:
        engine = WhisperEngine.load(folder, languages=frozenset({"nl"}), fitted=FITTED)

    found = decode(engine, request_for(read_recording("two_cities.wav")[:80_000], "nl"))

    assert found.language is None


@pytest.mark.slow
def test_partials_in_one_language_do_not_ask_which_it_is(
    whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    request = request_for(read_recording("beckett.wav")[:48_000])

    partial = decode(whisper, replace(request, is_required=False))

    assert partial.language is None
    assert partial.text.startswith("Ever tried")


@pytest.mark.slow
def test_times_are_in_order_and_inside(
    whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    samples = read_recording("beckett.wav")

    tokens = decode(whisper, request_for(samples)).tokens
    edges = [edge for token in tokens for edge in (token.start, token.end)]

    assert edges == sorted(edges, key=lambda edge: edge or 0)
    assert edges[0] is not None
    assert edges[0] >= 0
    assert edges[-1] == samples.size


@pytest.mark.slow
def test_what_was_said_before_goes_before_and_is_not_said_again(
    whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    request = request_for(read_recording("beckett.wav")[:80_000])
    alone = decode(whisper, request)

    led = decode(whisper, replace(request, prompt=tuple(token.id for token in alone.tokens)))

    assert word_error(alone.text, led.text) <= 0.2


@pytest.mark.slow
def test_a_copy_at_the_end_of_a_short_window_is_not_said(
    whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    """Whatever stretch is cut out, and however it ends."""
    samples = read_recording("two_cities.wav")
    for start in range(0, 480_000, 96_000):
        found = decode(whisper, request_for(samples[start : start + 64_000]))
        words = re.sub(r"[^a-z ]", "", found.text.lower()).split()

        assert len(words) <= 20, found.text
        assert words[: len(words) // 2] * 2 != words, found.text


@pytest.mark.slow
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_calls_of_several_threads_get_what_one_gets(
    language: str, whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    request = request_for(read_recording("beckett.wav")[:24_000], language)
    alone = decode(whisper, request)
    together = threading.Barrier(4)

    def run() -> Hypothesis:
        together.wait()
        return decode(whisper, request)

    with ThreadPoolExecutor(4) as pool:
        found = [one.result() for one in [pool.submit(run) for _ in range(4)]]

    assert found == [alone] * 4


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("prompt", [(), tuple(range(40, 240))])
def test_a_decode_that_does_not_end_is_stopped_at_what_can_be_said(
    prompt: tuple[int, ...], width: int, tiny: Path
) -> None:
    engine = load(tiny)
    samples = np.random.default_rng(3).normal(0, 0.1, 32_000).astype(np.float32)

    found = decode(engine, replace(request_for(samples), width=width, prompt=prompt))

    assert len(found.tokens) == 16, "8 for each of 2 s"
    assert not found.is_complete


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 5])
def test_a_final_is_the_same_byte_for_byte_in_whatever_company(
    width: int, whisper: WhisperEngine, read_recording: Callable[[str], Samples]
) -> None:
    heard = np.concatenate([read_recording("beckett.wav"), read_recording("two_cities.wav")])
    pieces = [heard[start : start + 56_000] for start in range(0, 400_000, 56_000)]
    requests = [
        replace(request_for(samples), width=width, prompt=(8000,) * 3, languages=languages)
        for samples, languages in zip(pieces, [("en",), ("en", "nl"), ()] * 3, strict=False)
    ]
    together = whisper.decode_batch(requests)

    alone = [whisper.decode(request) for request in requests]
    assert together == alone  # tokens, their probabilities and times
    assert len({one.hypothesis.text for one in alone if one.hypothesis is not None}) > 3


class OnGpu:
    """A model of CTranslate2 that only its load asks, of which nothing is known but where it is."""

    n_mels = 80

    def __init__(self, *_where: object, **_how: object) -> None:
        """It is there."""

    def encode(self, _features: object) -> object:
        return None


@pytest.mark.slow
def test_on_a_gpu_partials_of_about_a_length_may_share_a_batch_and_finals_may_not(
    tiny: Path,
) -> None:
    engine = WhisperEngine.load(
        tiny, languages=LANGUAGES, fitted=FITTED, device="cuda", open_model=OnGpu
    )
    final = request_for(np.zeros(32_000, np.float32))
    partial = replace(final, is_required=False)
    shorter = replace(partial, samples=partial.samples[:30_000])

    assert engine.batch_key(partial) == engine.batch_key(shorter) is not None
    assert engine.batch_key(final) is None
    assert engine.batch_key(replace(partial, samples=final.samples[:10])) is None
    assert engine.batch_key(replace(partial, prefix=(1000,) * 400)) is None


@pytest.mark.slow
def test_on_a_processor_all_are_decoded_alone(tiny: Path) -> None:
    engine = load(tiny)
    partial = replace(request_for(np.zeros(32_000, np.float32)), is_required=False)

    assert engine.batch_key(partial) is None
    engine.close()


def test_a_closed_engine_refuses(tiny: Path) -> None:
    engine = load(tiny)
    engine.close()

    with pytest.raises(ServerFault, match="closed"):
        engine.language_probabilities(np.zeros(16_000, np.float32))


def test_a_folder_without_a_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes((tiny / "tokenizer.json").read_bytes())

    with pytest.raises(ModelFault, match=re.escape(str(tmp_path))):
        load(tmp_path)
