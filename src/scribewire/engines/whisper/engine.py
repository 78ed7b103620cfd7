"""Whisper: an encoder over log-mel features and an autoregressive decoder (CTranslate2).

Theory of operation. A window is as long as its speech and a little silence behind it, which takes a
fraction of the work of Whisper's usual 30 s; what goes wrong in short windows is put right here
(tail.py). Where each token is heard is told by the cross attention.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import ctranslate2
import numpy as np

from scribewire.engines.waveform import clean_samples
from scribewire.engines.whisper.abilities import (
    COMPARED_LANGUAGES,
    MAX_SAMPLES,
    MAX_WIDTH,
    MIN_SAMPLES,
    WINDOW_SAMPLES,
    traits_of,
)
from scribewire.engines.whisper.features import HOP_SAMPLES, log_mel
from scribewire.engines.whisper.hearing import HeardLanguage, LanguageBounds, choose_language
from scribewire.engines.whisper.tail import heard_count
from scribewire.engines.whisper.tokenizer import BEFORE, NO_TIMES, START, TRANSCRIBE, ByteTokenizer
from scribewire.errors import ModelFault, ServerFault
from scribewire.models.fitted import read_fitted
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scribewire.engines.protocols import Device
    from scribewire.types import Samples

FRAME_SAMPLES: Final = 2 * HOP_SAMPLES  # 20 ms: one frame of the encoder's output
_MEDIAN_FRAMES = 7  # over which the attention is smoothed; OpenAI's own choice
_MAX_PROMPT_TOKENS = 223  # as in its training: half of what the decoder takes, less a mark
_MAX_LENGTH = 448
_LEAST_PROBABILITY = 1e-10

_Encoding: TypeAlias = ctranslate2.StorageView


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperRules:
    """How a Whisper model is asked, beside what is calibrated for every model."""

    pad_after_samples: int
    """Silence behind the audio of a final: with less, the decoder does not find its end."""
    partial_pad_after_samples: int
    """The same of a partial, which can do with less: the next one comes soon."""
    max_tokens_per_second: float
    """Nobody speaks faster; a decode that goes on is stopped."""
    max_heard_tokens_per_second: float
    """More in the last moments of the audio were not heard; see tail.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aligned:
    """One token of text, and where it is heard."""

    id: int
    text: str
    logprob: float
    start_s: float


class WhisperEngine:
    """A `SpeechEngine` on one Whisper model."""

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
        model = self._open_model()
        if request.samples.size < MIN_SAMPLES:
            return DecodeResult(Hypothesis("", ()))
        samples = clean_samples(request.samples)[:MAX_SAMPLES]
        rules = self._rules
        is_final = request.is_required
        pad = rules.pad_after_samples if is_final else rules.partial_pad_after_samples
        encoding = self._encode(model, samples, pad)
        heard = self._hear(model, encoding, request)
        ids, is_complete = self._search(model, encoding, request, heard.written)
        aligned = self._align(model, encoding, heard.written, ids=ids, samples=samples)
        count = self._heard_count(aligned, samples)
        is_complete = is_complete or count < len(aligned)  # what was said is there
        tokens = self._tokens(aligned, count, samples, wants_times=request.wants_times)
        tokens = tokens[len(request.prefix) :]
        text = "".join(token.text for token in tokens).strip()
        return DecodeResult(Hypothesis(text, tokens, is_complete, heard.checked if text else None))

    def language_probabilities(self, samples: Samples) -> dict[str, float]:
        """Return how likely each of all languages that the model knows is spoken."""
        model = self._open_model()
        pad = self._rules.pad_after_samples
        encoding = self._encode(model, clean_samples(samples)[:MAX_SAMPLES], pad)
        return _probabilities(model, encoding)

    def close(self) -> None:
        """Give the model's memory back, once the last call has ended. Again it does nothing."""
        self._model = None

    def _open_model(self) -> ctranslate2.models.Whisper:
        if self._model is None:
            raise ServerFault("this engine is closed")
        return self._model

    def _encode(
        self, model: ctranslate2.models.Whisper, samples: Samples, pad_after_samples: int
    ) -> _Encoding:
        size = min(samples.size + pad_after_samples, WINDOW_SAMPLES)
        size = -(-size // FRAME_SAMPLES) * FRAME_SAMPLES  # the encoder halves the frames
        padded = np.zeros(size, np.float32)
        padded[: samples.size] = samples
        features = np.ascontiguousarray(log_mel(padded, model.n_mels)[np.newaxis])
        return model.encode(ctranslate2.StorageView.from_array(features))

    def _hear(
        self, model: ctranslate2.models.Whisper, encoding: _Encoding, request: DecodeRequest
    ) -> HeardLanguage:
        """Return the language to write; whether it is spoken is only checked for finals."""
        languages = request.languages or self._languages
        if not request.is_required:
            if len(languages) == 1:
                return HeardLanguage(languages[0], None)
            if request.expected is not None:
                return HeardLanguage(request.expected, None)
        if not model.is_multilingual:
            return HeardLanguage(languages[0], None)
        every = _probabilities(model, encoding)
        known = {*self._languages, *languages, *COMPARED_LANGUAGES}
        total = sum(every.get(code, 0.0) for code in known) or 1.0
        probabilities = {code: every.get(code, 0.0) / total for code in known}
        return choose_language(probabilities, languages, request.expected, self._bounds)

    def _search(
        self,
        model: ctranslate2.models.Whisper,
        encoding: _Encoding,
        request: DecodeRequest,
        language: str,
    ) -> tuple[list[int], bool]:
        """Return the tokens of the text, known ones first, and whether it ended by itself."""
        tokenizer = self._tokenizer
        begun = [*self._marks(model, language), *request.prefix]
        prompt = request.prompt[-_MAX_PROMPT_TOKENS:]
        known = [tokenizer.mark(BEFORE), *prompt, *begun] if prompt else begun
        seconds = request.samples.size / SAMPLE_RATE
        guard = math.ceil(self._rules.max_tokens_per_second * seconds)
        most = min(guard, _MAX_LENGTH // 2)
        if len(request.prefix) >= most:
            return list(request.prefix), False
        # The library generates half of `max_length` at most, and less what is known already.
        length = min(max(2 * most, most + len(known)), _MAX_LENGTH)
        (found,) = model.generate(
            encoding,
            [known],
            beam_size=min(request.width, MAX_WIDTH),
            max_length=length,
        )
        ids = found.sequences_ids[0][:most] if found.sequences_ids else []
        return [token for token in ids if tokenizer.is_text(token)], len(ids) < most

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


def _probabilities(model: ctranslate2.models.Whisper, encoding: _Encoding) -> dict[str, float]:
    (found,) = model.detect_language(encoding)
    return {mark.strip("<|>"): probability for mark, probability in found}
