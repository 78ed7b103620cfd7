"""Whisper: an encoder over log-mel features and an autoregressive decoder (CTranslate2).

Theory of operation. A window is as long as its speech and a little silence behind it, which takes a
fraction of the work of Whisper's usual 30 s; what goes wrong in short windows is put right here
(tail.py). Where each token is heard is told by the cross attention.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import ctranslate2
import numpy as np

from scribewire.engines.waveform import clean_samples
from scribewire.engines.whisper.abilities import (
    COMPARED_LANGUAGES,
    MAX_SAMPLES,
    MIN_SAMPLES,
    traits_of,
)
from scribewire.engines.whisper.features import HOP_SAMPLES, log_mel
from scribewire.engines.whisper.hearing import HeardLanguage, LanguageBounds, choose_language
from scribewire.engines.whisper.shape import (
    FRAME_SAMPLES,
    MAX_LENGTH,
    MAX_PROMPT_TOKENS,
    BatchShape,
    WhisperRules,
    shape_of,
    whole_frames,
)
from scribewire.engines.whisper.tail import heard_count
from scribewire.engines.whisper.tokenizer import BEFORE, NO_TIMES, START, TRANSCRIBE, ByteTokenizer
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scribewire.engines.protocols import Device
    from scribewire.types import Samples

_MEDIAN_FRAMES = 7  # over which the attention is smoothed; OpenAI's own choice
_LEAST_PROBABILITY = 1e-10

_Encoding: TypeAlias = ctranslate2.StorageView


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aligned:
    """One token of text, and where it is heard."""

    id: int
    text: str
    logprob: float
    start_s: float


@dataclass(frozen=True, slots=True)
class _Found:
    ids: list[int]
    is_complete: bool


class WhisperEngine:
    """A `SpeechEngine` on one Whisper model, which decodes in batches too."""

    def __init__(
        self,
        model: ctranslate2.models.Whisper,
        tokenizer: ByteTokenizer,
        *,
        languages: frozenset[str],
        rules: WhisperRules,
        bounds: LanguageBounds,
        calibration: Calibration,
        device: Device = "cpu",
    ) -> None:
        self._model: ctranslate2.models.Whisper | None = model
        self._tokenizer = tokenizer
        self._languages = tuple(sorted(languages))
        self._rules = rules
        self._bounds = bounds
        self._is_batched = device == "cuda"
        self.traits = traits_of(languages, device)
        self.calibration = calibration

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        languages: frozenset[str],
        fitted: Path,
        device: Device = "cpu",
        threads: int = 1,
        open_model: Callable[..., ctranslate2.models.Whisper] = ctranslate2.models.Whisper,
    ) -> WhisperEngine:
        """Load the model in `folder`, whose files have been checked, and try it. Raises ModelFault.

        `languages` are those that it shall serve, `fitted` its file of numbers, `threads` how many
        calls run at a time. `open_model` is the library's own way to load it.
        """
        calibration = read_fitted(fitted, "calibration", Calibration)
        rules = read_fitted(fitted, "whisper", WhisperRules)
        bounds = read_fitted(fitted, "languages", LanguageBounds)
        tokenizer = ByteTokenizer.load(folder / "tokenizer.json")
        try:
            model = open_model(
                str(folder),
                device=device,
                compute_type="int8" if device == "cpu" else "float16",
                inter_threads=threads,
                intra_threads=1,
            )
            # Libraries of CUDA that are missing, and memory, are noticed by the first call only.
            tried = np.zeros((1, model.n_mels, 2 * FRAME_SAMPLES // HOP_SAMPLES), np.float32)
            model.encode(ctranslate2.StorageView.from_array(tried))
        except (RuntimeError, ValueError) as error:
            raise ModelFault(f"Whisper model {folder} on {device}: {error}") from error
        return cls(
            model,
            tokenizer,
            languages=languages,
            rules=rules,
            bounds=bounds,
            calibration=calibration,
            device=device,
        )

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the likeliest hypothesis found. Raises ServerFault once closed."""
        (result,) = self.decode_batch((request,))
        return result

    def batch_key(self, request: DecodeRequest) -> BatchShape | None:
        """Return the shape of what the library is asked; with one shape, one call does.

        Partials on a GPU have one. On a processor a batch brings hardly 1.4 times as
        much, and all of it as late as its last. There a final is the same byte for byte in any
        company of its shape, which the tests hold; on a GPU that has not been measured, so finals
        are alone.
        """
        if not self._is_batched or request.is_required or request.samples.size < MIN_SAMPLES:
            return None
        shape = self._shape_of(request)
        return shape if shape.prefix < shape.most_tokens else None

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Return the answers to requests of one shape. Raises ServerFault once closed."""
        model = self._open_model()
        first = requests[0]
        if first.samples.size < MIN_SAMPLES:
            return [DecodeResult(Hypothesis("", ()))]
        cleaned = [clean_samples(request.samples)[:MAX_SAMPLES] for request in requests]
        shape = self._shape_of(first)
        encoding = self._encode(model, cleaned, shape.samples)
        heard = self._hear(model, encoding, requests)
        found = self._search(model, encoding, requests, shape, [one.written for one in heard])
        rows = _rows(encoding, len(requests))
        return [
            self._conclude(model, row, request, samples, heard=one, found=ids)
            for row, request, samples, one, ids in zip(
                rows, requests, cleaned, heard, found, strict=True
            )
        ]

    def _shape_of(self, request: DecodeRequest) -> BatchShape:
        return shape_of(request, self._rules, is_batched=self._is_batched)

    def _conclude(
        self,
        model: ctranslate2.models.Whisper,
        encoding: _Encoding,
        request: DecodeRequest,
        samples: Samples,
        *,
        heard: HeardLanguage,
        found: _Found,
    ) -> DecodeResult:
        # One by one, whatever the company: aligned in a batch, times come out otherwise.
        aligned = self._align(model, encoding, heard.written, ids=found.ids, samples=samples)
        count = self._heard_count(aligned, samples)
        is_complete = found.is_complete or count < len(aligned)  # what was said is there
        tokens = self._tokens(aligned, count, samples, wants_times=request.wants_times)
        tokens = tokens[len(request.prefix) :]
        text = "".join(token.text for token in tokens).strip()
        return DecodeResult(Hypothesis(text, tokens, is_complete, heard.checked if text else None))

    def language_probabilities(self, samples: Samples) -> dict[str, float]:
        """Return how likely each of all languages that the model knows is spoken."""
        model = self._open_model()
        samples = clean_samples(samples)[:MAX_SAMPLES]
        size = whole_frames(samples.size + self._rules.pad_after_samples)
        (probabilities,) = _probabilities(model, self._encode(model, [samples], size))
        return probabilities

    def close(self) -> None:
        """Give the model's memory back, once the last call has ended. Again it does nothing."""
        self._model = None

    def _open_model(self) -> ctranslate2.models.Whisper:
        if self._model is None:
            raise ServerFault("this engine is closed")
        return self._model

    def _encode(
        self, model: ctranslate2.models.Whisper, cleaned: Sequence[Samples], size: int
    ) -> _Encoding:
        padded = np.zeros((len(cleaned), size), np.float32)
        for row, samples in zip(padded, cleaned, strict=True):
            row[: samples.size] = samples
        features = np.stack([log_mel(row, model.n_mels) for row in padded])
        # Rows of a batch are cut out of it, which is done in memory.
        return model.encode(ctranslate2.StorageView.from_array(features), to_cpu=len(cleaned) > 1)

    def _hear(
        self,
        model: ctranslate2.models.Whisper,
        encoding: _Encoding,
        requests: Sequence[DecodeRequest],
    ) -> list[HeardLanguage]:
        """Return the language to write; whether it is spoken is only checked for finals."""
        named = [self._named_language(model, request) for request in requests]
        if None not in named:
            return [one for one in named if one is not None]
        every = _probabilities(model, encoding)
        return [
            one or self._choose_language(request, probabilities)
            for one, request, probabilities in zip(named, requests, every, strict=True)
        ]

    def _named_language(
        self, model: ctranslate2.models.Whisper, request: DecodeRequest
    ) -> HeardLanguage | None:
        languages = request.languages or self._languages
        if not request.is_required:
            if len(languages) == 1:
                return HeardLanguage(languages[0], None)
            if request.expected is not None:
                return HeardLanguage(request.expected, None)
        return None if model.is_multilingual else HeardLanguage(languages[0], None)

    def _choose_language(self, request: DecodeRequest, every: Mapping[str, float]) -> HeardLanguage:
        languages = request.languages or self._languages
        known = {*self._languages, *languages, *COMPARED_LANGUAGES}
        total = sum(every.get(code, 0.0) for code in known) or 1.0
        probabilities = {code: every.get(code, 0.0) / total for code in known}
        return choose_language(probabilities, languages, request.expected, self._bounds)

    def _search(
        self,
        model: ctranslate2.models.Whisper,
        encoding: _Encoding,
        requests: Sequence[DecodeRequest],
        shape: BatchShape,
        languages: Sequence[str],
    ) -> list[_Found]:
        """Return what each says, known tokens first."""
        most = shape.most_tokens
        if shape.prefix >= most:
            return [_Found(list(requests[0].prefix), is_complete=False)]
        known = [
            self._known(model, request, language)
            for request, language in zip(requests, languages, strict=True)
        ]
        # The library generates half of `max_length` at most, and less what is known already.
        length = min(max(2 * most, most + len(known[0])), MAX_LENGTH)
        every = model.generate(encoding, known, beam_size=shape.width, max_length=length)
        ids = [found.sequences_ids[0][:most] if found.sequences_ids else [] for found in every]
        is_text = self._tokenizer.is_text
        return [
            _Found([token for token in one if is_text(token)], is_complete=len(one) < most)
            for one in ids
        ]

    def _known(
        self, model: ctranslate2.models.Whisper, request: DecodeRequest, language: str
    ) -> list[int]:
        begun = [*self._marks(model, language), *request.prefix]
        prompt = request.prompt[-MAX_PROMPT_TOKENS:]
        return [self._tokenizer.mark(BEFORE), *prompt, *begun] if prompt else begun

    def _marks(self, model: ctranslate2.models.Whisper, language: str) -> list[int]:
        tokenizer = self._tokenizer
        start, no_times = tokenizer.mark(START), tokenizer.mark(NO_TIMES)
        if not model.is_multilingual:
            return [start, no_times]
        return [start, tokenizer.language(language), tokenizer.mark(TRANSCRIBE), no_times]

    def _align(
        self,
        model: ctranslate2.models.Whisper,
        encoding: _Encoding,
        language: str,
        *,
        ids: list[int],
        samples: Samples,
    ) -> list[_Aligned]:
        """Return each token with its probability, and where in the samples it begins."""
        if not ids:
            return []
        begun = self._marks(model, language)[:-1]  # the library adds the last mark by itself
        frames = max(samples.size // HOP_SAMPLES, 2)
        (found,) = model.align(encoding, begun, [ids], [frames], median_filter_width=_MEDIAN_FRAMES)
        starts: dict[int, int] = {}
        for token, frame in found.alignments:
            starts.setdefault(token, frame)
        latest = frames // 2
        texts = self._tokenizer.spell(ids)
        return [
            _Aligned(
                id=token,
                text=text,
                logprob=math.log(max(probability, _LEAST_PROBABILITY)),
                start_s=starts.get(place, latest) * FRAME_SAMPLES / SAMPLE_RATE,
            )
            for place, (token, text, probability) in enumerate(
                zip(ids, texts, found.text_token_probs, strict=True)
            )
        ]

    def _heard_count(self, aligned: list[_Aligned], samples: Samples) -> int:
        return heard_count(
            [token.text for token in aligned],
            [token.start_s for token in aligned],
            samples.size / SAMPLE_RATE,
            max_tokens_per_s=self._rules.max_heard_tokens_per_second,
        )

    def _tokens(
        self, aligned: list[_Aligned], count: int, samples: Samples, *, wants_times: bool
    ) -> tuple[Token, ...]:
        """Return the first tokens; each lasts until the next begins."""
        starts = [min(round(one.start_s * SAMPLE_RATE), samples.size) for one in aligned]
        ends = [*starts[1:], samples.size]
        return tuple(
            Token(
                one.id,
                one.logprob,
                one.text,
                start if wants_times else None,
                end if wants_times else None,
            )
            for one, start, end in zip(aligned[:count], starts, ends, strict=False)
        )


def _rows(encoding: _Encoding, count: int) -> list[_Encoding]:
    if count == 1:
        return [encoding]
    whole = np.array(encoding)
    return [ctranslate2.StorageView.from_array(whole[row : row + 1]) for row in range(count)]


def _probabilities(
    model: ctranslate2.models.Whisper, encoding: _Encoding
) -> list[dict[str, float]]:
    return [
        {mark.strip("<|>"): probability for mark, probability in found}
        for found in model.detect_language(encoding)
    ]
