"""The Moonshine models we know: a new one is an entry here, and its file of fitted numbers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from scribewire.engines.device import load_on_device
from scribewire.engines.onnx_device import why_no_onnx_gpu
from scribewire.engines.protocols import Device, Family, ModelPlace, SpeechEngine
from scribewire.models.catalog import Model, ModelFile
from scribewire.models.store import check_files, why_missing
from scribewire.recognition.traits import Traits
from scribewire.types import DeviceWish

MIN_SAMPLES = 895  # 56 ms: with fewer, the encoder's convolutions leave no hidden frame
MAX_WIDTH = 16  # each hypothesis has a cache of its own; a wider search finds nothing more


def _tiny_en(name: str, sha256: str) -> ModelFile:
    return ModelFile(
        name=name,
        distribution="moonshine-voice",
        version="0.0.73",  # 0.1.1 and later carry no model files
        path=f"moonshine_voice/assets/tiny-en/{name}",
        sha256=sha256,
    )


TINY_EN: Final = Model(
    name="moonshine-tiny-en",
    languages=frozenset({"en"}),
    licence="MIT",
    memory_mb=120,
    fitted=Path(__file__).with_name("tiny-en.json"),
    files=(
        _tiny_en(
            "encoder_model.ort",
            "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        ),
        _tiny_en(
            "decoder_model_merged.ort",
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        ),
        _tiny_en(
            "tokenizer.bin",
            "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
        ),
    ),
)


def traits_of(model: Model, device: Device | None = "cpu") -> Traits:
    """Return what an engine of the model can do; `device` None: its load decides where."""
    return Traits(
        languages=model.languages,
        min_window_samples=MIN_SAMPLES,
        max_window_samples=None,
        takes_context=True,
        takes_draft=True,
        max_width=MAX_WIDTH,
        gives_times=True,
        is_streaming=False,
        device=device,
    )


def _traits(model: Model, wish: DeviceWish) -> Traits:
    if wish == "auto":
        return traits_of(model, None if why_no_onnx_gpu() is None else "cpu")
    return traits_of(model, wish)


def _check(model: Model, place: ModelPlace) -> Path:
    return check_files(model, place.model_dir)


def _load(model: Model, place: ModelPlace) -> SpeechEngine:
    # Whoever only asks which models there are does not load onnxruntime for it.
    from scribewire.engines.moonshine.engine import MoonshineEngine  # noqa: PLC0415

    load = partial(MoonshineEngine.load, model, place.model_dir, place.cache)
    return load_on_device(place.device, lambda device: load(device=device), why_no_onnx_gpu)


MOONSHINE: Final = Family(
    models=(TINY_EN,),
    traits=_traits,
    load=_load,
    why_missing=why_missing,
    check=_check,
    why_no_gpu=why_no_onnx_gpu,
)
