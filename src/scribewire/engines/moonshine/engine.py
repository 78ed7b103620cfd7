"""Moonshine: an encoder over raw samples and an autoregressive decoder (onnxruntime)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from scribewire.engines.beam import decode_with_beam
from scribewire.engines.draft import decode_with_draft
from scribewire.engines.greedy import decode_greedily
from scribewire.engines.moonshine.alignment import (
    FIRST_FRAME_SAMPLE,
    HOP_SAMPLES,
    AlignmentRules,
    AttentionHead,
    align_tokens,
)
from scribewire.engines.moonshine.decoder_graphs import DecoderGraphs, Encoding
from scribewire.engines.moonshine.prepared import prepared_decoder, prepared_encoder
from scribewire.engines.moonshine.tokenizer import END, START, Tokenizer
from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.waveform import clean_samples
from scribewire.models.cache import ModelCache
from scribewire.models.store import find_model
from scribewire.recognition.calibration import (
    Calibration,
    ConfidenceCurve,
    JudgeBounds,
    ShowingBounds,
    StabilityCurve,
    WindowLengths,
)
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.recognition.traits import Traits
from scribewire.types import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.models.catalog import Model
    from scribewire.types import Samples

MIN_SAMPLES = 895  # 56 ms: with fewer, the encoder's convolutions leave no hidden frame
MAX_WIDTH = 16  # each hypothesis has a cache of its own; a wider search finds nothing more
# Nobody speaks faster; a decode that goes on repeats itself. The model's authors take it too.
MAX_TOKENS_PER_SECOND = 6.5

# Chosen one by one for the least error on the 82 clips of bench/word_times.py. Chosen the same way
# on half of the speakers, they place the words of the other half within 24 to 26 ms in the median
# and 74 to 83 ms at the 90th percentile.
TINY_EN_ALIGNMENT: Final = AlignmentRules(
    heads=(
        AttentionHead(layer=3, number=6, lag_frames=1),
        AttentionHead(layer=3, number=7, lag_frames=-1),
        AttentionHead(layer=4, number=6, lag_frames=0),
        AttentionHead(layer=4, number=4, lag_frames=-1),
    ),
    silence_score=0.5,
    silence_slope=10.0,
    silence_loudness=0.35,
)

TINY_EN_CALIBRATION: Final = Calibration(
    judge=JudgeBounds(
        min_highest=0.8,
        min_highest_of_one_word=0.9,
        min_mean_of_one_word=0.65,
        sure_highest=0.96,
        sure_mean=0.75,
        min_logprob=-1.5,
        doubtful_logprob=-0.48,
    ),
    confidence=ConfidenceCurve(one=0.55, least=0.96),
    stability=StabilityCurve(one=2.46, least=2.10, length=-0.09, unseen=-0.17, settled=0.53),
    showing=ShowingBounds(min_probability=0.7, min_first_probability=0.3),
    windows=WindowLengths(
        max_window_samples=ms_to_samples(6000),
        lead_in_samples=ms_to_samples(2500),
        open_samples=ms_to_samples(2000),
    ),
    pad_before_samples=ms_to_samples(500),
    max_pad_after_samples=ms_to_samples(400),
    context_samples={"fast": ms_to_samples(8000), "quality": ms_to_samples(12_000)},
    final_width={"fast": 1, "quality": 4},
    speech_per_noise=4.0,
)


class MoonshineEngine:
    """A `SpeechEngine` on one Moonshine model."""

    def __init__(
        self,
        encoder: OnnxSession,
        decoder: DecoderGraphs,
        *,
        tokenizer: Tokenizer,
        alignment: AlignmentRules,
        languages: frozenset[str],
        calibration: Calibration = TINY_EN_CALIBRATION,
    ) -> None:
        self._encoder = encoder
        self._decoder = decoder
        self.tokenizer = tokenizer
        self._alignment = alignment
        self.traits = Traits(
            languages=languages,
            min_window_samples=MIN_SAMPLES,
            max_window_samples=None,
            takes_context=True,
            takes_draft=True,
            max_width=MAX_WIDTH,
            gives_times=True,
            is_streaming=False,
        )
        self.calibration = calibration

    @classmethod
    def load(
        cls, model: Model, model_dir: Path | None = None, cache: ModelCache | None = None
    ) -> MoonshineEngine:
        """Find, verify, prepare and load the files of `model`. Raises ModelFault."""
        tokenizer = find_model(model.file("tokenizer.bin"), model_dir)
        merged = model.file("decoder_model_merged.ort")
        cache = cache or ModelCache()
        with prepared_encoder(model.file("encoder_model.ort"), model_dir, cache) as path:
            encoder = OnnxSession(path)
        with prepared_decoder(merged, model_dir, cache) as files:
            decoder = DecoderGraphs(files)
        return cls(
            encoder,
            decoder,
            tokenizer=Tokenizer.load(tokenizer),
            alignment=TINY_EN_ALIGNMENT,
            languages=model.languages,
        )

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the likeliest hypothesis found. Raises ServerFault once closed."""
        self._encoder.check_open()
        if request.samples.size < MIN_SAMPLES:
            return DecodeResult(Hypothesis("", ()))
        samples = clean_samples(request.samples)
        encoding = self._encode(samples)
        known = (START, *request.prefix)
        guard = math.ceil(MAX_TOKENS_PER_SECOND * samples.size / SAMPLE_RATE)
        steps = self._decoder.begin(encoding, known[:-1])
        max_tokens = max(guard - len(request.prefix), 0)
        if request.draft:
            found = decode_with_draft(
                steps, start=known[-1], end=END, max_tokens=max_tokens, draft=request.draft
            )
        elif request.width > 1:
            found = decode_with_beam(
                steps, start=known[-1], end=END, max_tokens=max_tokens, width=request.width
            )
        else:
            found = decode_greedily(steps, start=known[-1], end=END, max_tokens=max_tokens)
        tokens = self._spell(found.tokens)
        if request.wants_times and tokens:
            tokens = self._place(tokens, request.prefix, samples=samples, encoding=encoding)
        text = "".join(token.text for token in tokens).strip()
        return DecodeResult(Hypothesis(text, tokens, found.is_complete))

    def close(self) -> None:
        """Give the models' memory back. Closing again does nothing."""
        self._encoder.close()
        self._decoder.close()

    def _encode(self, samples: Samples) -> Encoding:
        waveform = samples[np.newaxis]
        mask = np.ones(waveform.shape, np.int64)
        feeds: dict[str, Tensor] = {"input_values": waveform, "attention_mask": mask}
        (hidden,) = self._encoder.run(("last_hidden_state",), feeds)
        return Encoding(hidden, mask)

    def _spell(self, tokens: Sequence[Token]) -> tuple[Token, ...]:
        kept = [token for token in tokens if self.tokenizer.is_text(token.id)]
        texts = self.tokenizer.spell([token.id for token in kept])
        return tuple(replace(token, text=text) for token, text in zip(kept, texts, strict=True))

    def _place(
        self,
        tokens: Sequence[Token],
        prefix: Sequence[int],
        *,
        samples: Samples,
        encoding: Encoding,
    ) -> tuple[Token, ...]:
        """Return the tokens with their times; the prefix takes its part of the samples too."""
        ids = [*prefix, *(token.id for token in tokens)]
        # Each token is found by the call that takes the one before it.
        attention = self._decoder.attend(encoding, [START, *ids[:-1]])
        spans = align_tokens(self.tokenizer.spell(ids), attention, samples, self._alignment)
        return tuple(
            replace(
                token,
                start=_frame_to_sample(span.start, samples.size),
                end=_frame_to_sample(span.end, samples.size),
            )
            for token, span in zip(tokens, spans[len(prefix) :], strict=True)
        )


def _frame_to_sample(frame: int, sample_count: int) -> int:
    return min(FIRST_FRAME_SAMPLE + frame * HOP_SAMPLES, sample_count)
