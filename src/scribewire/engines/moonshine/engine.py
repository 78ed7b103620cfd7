"""Moonshine: an encoder over raw samples and an autoregressive decoder (onnxruntime)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.beam import decode_with_beam
from scribewire.engines.draft import decode_with_draft
from scribewire.engines.greedy import Decoded, decode_greedily
from scribewire.engines.moonshine.alignment import (
    FIRST_FRAME_SAMPLE,
    HOP_SAMPLES,
    AlignmentRules,
    align_tokens,
)
from scribewire.engines.moonshine.decoder_graphs import DecoderGraphs, EncodedAudio
from scribewire.engines.moonshine.family import MAX_WIDTH, MIN_SAMPLES, traits_of
from scribewire.engines.moonshine.prepared import prepared_decoder, prepared_encoder
from scribewire.engines.moonshine.second_look import SecondLookRules, is_better, wants_second_look
from scribewire.engines.moonshine.tokenizer import END, START, Tokenizer
from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.waveform import clean_samples
from scribewire.models.cache import ModelCache
from scribewire.models.fitted import read_fitted
from scribewire.models.store import find_model
from scribewire.recognition.calibration import Calibration
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.engines.protocols import Device
    from scribewire.models.catalog import Model
    from scribewire.recognition.traits import Traits
    from scribewire.types import Samples

# Nobody speaks faster; a decode that goes on repeats itself. The model's authors take it too.
MAX_TOKENS_PER_SECOND = 6.5


@dataclass(frozen=True, slots=True)
class _Hearing:
    """One decode of a request."""

    heard: Decoded
    samples: Samples  # as the encoder took them
    lead: int  # of them, those that stand before the request's own
    encoding: EncodedAudio


class MoonshineEngine:
    """A `SpeechEngine` on one Moonshine model."""

    def __init__(
        self,
        encoder: OnnxSession,
        decoder: DecoderGraphs,
        *,
        tokenizer: Tokenizer,
        alignment: AlignmentRules,
        second_look: SecondLookRules,
        traits: Traits,
        calibration: Calibration,
    ) -> None:
        self._encoder = encoder
        self._decoder = decoder
        self._tokenizer = tokenizer
        self._alignment = alignment
        self._second_look = second_look
        self.traits = traits
        self.calibration = calibration

    @classmethod
    def load(
        cls,
        model: Model,
        model_dir: Path | None = None,
        cache: ModelCache | None = None,
        *,
        device: Device = "cpu",
    ) -> MoonshineEngine:
        """Find, verify, prepare and load the files of `model`. Raises ModelFault."""
        assert model.fitted is not None, f"{model.name}: no entry says what was fitted for it"
        calibration = read_fitted(model.fitted, "calibration", Calibration)
        alignment = read_fitted(model.fitted, "alignment", AlignmentRules)
        second_look = read_fitted(model.fitted, "second_look", SecondLookRules)
        tokenizer = find_model(model.file("tokenizer.bin"), model_dir)
        merged = model.file("decoder_model_merged.ort")
        cache = cache or ModelCache()
        with prepared_encoder(model.file("encoder_model.ort"), model_dir, cache) as path:
            encoder = OnnxSession(path, device=device)
        in_float32 = device != "cpu"
        with prepared_decoder(merged, model_dir, cache, in_float32=in_float32) as files:
            decoder = DecoderGraphs(files, device=device)
        return cls(
            encoder,
            decoder,
            tokenizer=Tokenizer.load(tokenizer),
            alignment=alignment,
            second_look=second_look,
            traits=traits_of(model, device),
            calibration=calibration,
        )

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the likeliest hypothesis found. Raises ServerFault once closed."""
        self._encoder.check_open()
        if request.samples.size < MIN_SAMPLES:
            return DecodeResult(Hypothesis("", ()))
        samples = clean_samples(request.samples)
        hearing = self._hear(samples, request)
        if request.is_required and wants_second_look(hearing.heard, self._second_look):
            hearing = self._hear_again(samples, request, hearing)
        tokens = hearing.heard.tokens
        if request.wants_times and tokens:
            tokens = self._place(hearing, request.prefix)
        text = "".join(token.text for token in tokens).strip()
        return DecodeResult(Hypothesis(text, tokens, hearing.heard.is_complete))

    def close(self) -> None:
        """Give the models' memory back. Closing again does nothing."""
        self._encoder.close()
        self._decoder.close()

    def _hear(self, samples: Samples, request: DecodeRequest, *, lead: int = 0) -> _Hearing:
        if lead:
            samples = np.concatenate([np.zeros(lead, np.float32), samples])
        encoding = self._encode(samples)
        found = self._search(encoding, request)
        return _Hearing(replace(found, tokens=self._spell(found.tokens)), samples, lead, encoding)

    def _hear_again(self, samples: Samples, request: DecodeRequest, first: _Hearing) -> _Hearing:
        second = self._hear(samples, request, lead=self._second_look.silence_samples)
        return second if is_better(second.heard, first.heard) else first

    def _encode(self, samples: Samples) -> EncodedAudio:
        waveform = samples[np.newaxis]
        mask = np.ones(waveform.shape, np.int64)
        feeds: dict[str, Tensor] = {"input_values": waveform, "attention_mask": mask}
        (hidden,) = self._encoder.run(("last_hidden_state",), feeds)
        return EncodedAudio(hidden, mask)

    def _search(self, encoding: EncodedAudio, request: DecodeRequest) -> Decoded:
        *known, start = (START, *request.prefix)
        guard = math.ceil(MAX_TOKENS_PER_SECOND * request.samples.size / SAMPLE_RATE)
        max_tokens = max(guard - len(request.prefix), 0)
        steps = self._decoder.begin(encoding, known)
        if request.draft:
            return decode_with_draft(
                steps, start=start, end=END, max_tokens=max_tokens, draft=request.draft
            )
        width = min(request.width, MAX_WIDTH)
        if width > 1:
            return decode_with_beam(steps, start=start, end=END, max_tokens=max_tokens, width=width)
        return decode_greedily(steps, start=start, end=END, max_tokens=max_tokens)

    def _spell(self, tokens: Sequence[Token]) -> tuple[Token, ...]:
        kept = [token for token in tokens if self._tokenizer.is_text(token.id)]
        texts = self._tokenizer.spell([token.id for token in kept])
        return tuple(replace(token, text=text) for token, text in zip(kept, texts, strict=True))

    def _place(self, hearing: _Hearing, prefix: Sequence[int]) -> tuple[Token, ...]:
        """Return the tokens with their times; the prefix takes its part of the samples too."""
        tokens = hearing.heard.tokens
        ids = [*prefix, *(token.id for token in tokens)]
        # Each token is found by the call that takes the one before it.
        attention = self._decoder.attend(hearing.encoding, [START, *ids[:-1]])
        texts = self._tokenizer.spell(ids)
        spans = align_tokens(texts, attention, hearing.samples, self._alignment)
        return tuple(
            replace(
                token,
                start=_frame_to_sample(span.start, hearing),
                end=_frame_to_sample(span.end, hearing),
            )
            for token, span in zip(tokens, spans[len(prefix) :], strict=True)
        )


def _frame_to_sample(frame: int, hearing: _Hearing) -> int:
    sample = min(FIRST_FRAME_SAMPLE + frame * HOP_SAMPLES, hearing.samples.size)
    return max(sample - hearing.lead, 0)
