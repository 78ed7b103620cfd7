"""Moonshine: an encoder over raw samples and an autoregressive decoder (onnxruntime).

Theory of operation. The encoder turns 384 samples (24 ms) into one hidden frame. The merged
decoder is one graph with two branches: the first call takes no cache, sees the whole encoder
output and returns the keys and values of both attentions; each later call takes one token and
that cache. The encoder's half of the cache never changes, so it is kept from the first call
(later calls return it empty). The attention mask of the decoder is per sample, not per hidden
frame: the graph thins it itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.greedy import Logits, decode_greedily
from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.tokenizer import END, START, Tokenizer
from scribewire.engines.waveform import clean_samples
from scribewire.models.store import find_model
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.models.catalog import Model

MIN_SAMPLES = 895  # 56 ms: with fewer, the encoder's convolutions leave no hidden frame
# Nobody speaks faster; a decode that goes on repeats itself. The model's authors take it too.
MAX_TOKENS_PER_SECOND = 6.5

_PRESENT, _PAST = "present.", "past_key_values."
_USE_CACHE, _NO_CACHE = np.array([True]), np.array([False])


class MoonshineEngine:
    """A `SpeechEngine` on one Moonshine model."""

    def __init__(
        self,
        encoder: OnnxSession,
        decoder: OnnxSession,
        *,
        tokenizer: Tokenizer,
        languages: frozenset[str],
    ) -> None:
        self._encoder = encoder
        self._decoder = _MergedDecoder(decoder)
        self.tokenizer = tokenizer
        self._languages = languages

    @classmethod
    def load(cls, model: Model, model_dir: Path | None = None) -> MoonshineEngine:
        """Find, verify and load the files of `model`. Raises ModelFault."""
        encoder, decoder, tokenizer = (
            find_model(model.file(name), model_dir)
            for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
        )
        return cls(
            OnnxSession(encoder),
            OnnxSession(decoder),
            tokenizer=Tokenizer.load(tokenizer),
            languages=model.languages,
        )

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages it understands."""
        return self._languages

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the greedy hypothesis. Raises ServerFault once closed."""
        self._encoder.check_open()
        if request.samples.size < MIN_SAMPLES:
            return DecodeResult(Hypothesis("", ()))
        waveform = clean_samples(request.samples)[np.newaxis]
        mask = np.ones(waveform.shape, np.int64)
        feeds: dict[str, Tensor] = {"input_values": waveform, "attention_mask": mask}
        (hidden,) = self._encoder.run(("last_hidden_state",), feeds)
        found = decode_greedily(
            self._decoder.begin(hidden, mask),
            start=START,
            end=END,
            max_tokens=math.ceil(MAX_TOKENS_PER_SECOND * waveform.size / SAMPLE_RATE),
        )
        tokens = tuple(token for token in found.tokens if self.tokenizer.is_text(token.id))
        text = self.tokenizer.decode(token.id for token in tokens)
        return DecodeResult(Hypothesis(text, tokens, found.is_complete))

    def close(self) -> None:
        """Give the models' memory back. Closing again does nothing."""
        self._encoder.close()
        self._decoder.close()


class _MergedDecoder:
    """The session of the merged decoder, and the names of its cache."""

    def __init__(self, session: OnnxSession) -> None:
        self.session = session
        caches = [name for name in session.output_names if name.startswith(_PRESENT)]
        self.first_outputs = ["logits", *caches]
        self.next_outputs = ["logits", *(name for name in caches if ".decoder." in name)]
        # What the first call takes for a cache; it is read for its shape only.
        self.no_past = {
            past: _no_cache(past, heads=int(shape[1]), width=int(shape[3]))
            for past, shape in session.input_shapes.items()
            if past.startswith(_PAST)
        }

    def begin(self, hidden: Tensor, mask: Tensor) -> _MergedSteps:
        return _MergedSteps(self, hidden, mask)

    def close(self) -> None:
        self.session.close()


def _no_cache(name: str, *, heads: int, width: int) -> Tensor:
    return np.zeros((1, heads, 0 if ".decoder." in name else 1, width), np.float32)


class _MergedSteps:
    """One decode under way: the feeds of its next call, cache included."""

    def __init__(self, decoder: _MergedDecoder, hidden: Tensor, mask: Tensor) -> None:
        self._decoder = decoder
        self._feeds: dict[str, Tensor] = {
            "encoder_hidden_states": hidden,
            "encoder_attention_mask": mask,
            "use_cache_branch": _NO_CACHE,
            **decoder.no_past,
        }
        self._wanted = decoder.first_outputs

    def next_logits(self, token: int) -> Logits:
        self._feeds["input_ids"] = np.array([[token]], np.int64)
        logits, *caches = self._decoder.session.run(self._wanted, self._feeds)
        for name, cache in zip(self._wanted[1:], caches, strict=True):
            self._feeds[_PAST + name.removeprefix(_PRESENT)] = cache
        self._feeds["use_cache_branch"] = _USE_CACHE
        self._wanted = self._decoder.next_outputs
        last: Logits = logits[0, -1]
        return last
