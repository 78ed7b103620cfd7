"""The files that a Moonshine model is prepared into, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scribewire.models.cache import ModelCache
from scribewire.models.catalog import ModelFile
from scribewire.models.store import find_model

RECIPE = 1  # one more whenever prepare.py makes other files of the same source

ENCODER = "encoder_float32.onnx"
FIRST, NEXT, ATTENTION = "decoder_first.onnx", "decoder_next.onnx", "decoder_attention.onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderFiles:
    """One graph for each kind of call."""

    first: Path
    """Takes tokens and the encoder's output; gives logits, keys and values."""
    next: Path
    """Takes tokens, keys and values; gives logits and the keys and values of the tokens."""
    attention: Path
    """Takes what `first` takes; gives the cross attention of each layer, in their order."""


@contextmanager
def prepared_decoder(
    merged: ModelFile, model_dir: Path | None, cache: ModelCache, *, in_float32: bool = False
) -> Iterator[DecoderFiles]:
    """Yield the graphs of the decoder `merged`, made now if they never were.

    `in_float32` they are for a GPU, which has no use for what they calculate in 8 bits. Load them
    before leaving the context. Raises ModelFault.
    """
    source = find_model(merged, model_dir)
    numbers = "-float32" if in_float32 else ""
    with cache.entry(
        f"moonshine-decoder{numbers}-{merged.sha256}-{RECIPE}",
        lambda folder: _prepare(source, folder, in_float32=in_float32),
        doing="preparing the speech model",
    ) as folder:
        yield DecoderFiles(first=folder / FIRST, next=folder / NEXT, attention=folder / ATTENTION)


@contextmanager
def prepared_encoder(
    encoder: ModelFile, model_dir: Path | None, cache: ModelCache
) -> Iterator[Path]:
    """Yield `encoder` with float32 weights, made now if it never was.

    Load it before leaving the context. Raises ModelFault.
    """
    source = find_model(encoder, model_dir)
    with cache.entry(
        f"moonshine-encoder-{encoder.sha256}-{RECIPE}",
        lambda folder: _convert(source, folder),
        doing="preparing the speech model's encoder",
    ) as folder:
        yield folder / ENCODER


# Imported only where they are needed, once in a machine's life: they load the onnx package.


def _prepare(source: Path, folder: Path, *, in_float32: bool) -> None:
    from scribewire.engines.moonshine.prepare import split_decoder  # noqa: PLC0415

    split_decoder(source, folder, in_float32=in_float32)


def _convert(source: Path, folder: Path) -> None:
    from scribewire.engines.moonshine.prepare import convert_encoder  # noqa: PLC0415

    convert_encoder(source, folder)
