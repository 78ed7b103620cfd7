"""Find a model's files and make sure that they are the right ones.

Packages that carry models are looked up by their metadata and never imported: importing
`moonshine_voice` would load an audio library that a server does not have.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from scribewire.errors import ModelFault
from scribewire.models.catalog import Model, ModelFile

SHOWN_DIGITS = 12  # of a digest in a message: enough to compare by eye


def find_model(file: ModelFile, model_dir: Path | None = None) -> Path:
    """Return where `file` lies, after checking its contents.

    With `model_dir`, it is looked for there under its own name and nowhere else. Raises
    ModelFault when it is missing or differs.
    """
    path = _locate_installed(file) if model_dir is None else model_dir / file.name
    try:
        found = _sha256(path)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ModelFault(f"model file {path}: {reason}; {_remedy(file, model_dir)}") from error
    if found != file.sha256:
        raise ModelFault(
            f"model file {path}: SHA-256 {found[:SHOWN_DIGITS]}...: expected "
            f"{file.sha256[:SHOWN_DIGITS]}...; {_remedy(file, model_dir)}"
        )
    return path


def check_files(model: Model, model_dir: Path | None = None) -> Path:
    """Check all files of the model, and return the folder of the first. Raises ModelFault."""
    paths = [find_model(file, model_dir) for file in model.files]
    return paths[0].parent


def why_missing(model: Model, model_dir: Path | None = None) -> str | None:
    """Return what of the model is not there, and what to do; None where all is, intact or not.

    It reads none of the files.
    """
    for file in model.files:
        try:
            path = _locate_installed(file) if model_dir is None else model_dir / file.name
        except ModelFault as fault:
            return str(fault)
        if not path.is_file():
            return f"model file {path}: no such file; {_remedy(file, model_dir)}"
    return None


def _locate_installed(file: ModelFile) -> Path:
    try:
        distribution = metadata.distribution(file.distribution)
    except metadata.PackageNotFoundError as error:
        raise ModelFault(
            f"model file {file.name}: {file.distribution} is not installed; {file.remedy}"
        ) from error
    path = Path(str(distribution.locate_file(file.path)))
    if not path.is_file() and distribution.version != file.version:
        raise ModelFault(
            f"model file {file.name}: not in {file.distribution} {distribution.version}: "
            f"expected {file.version}; {file.remedy}"
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remedy(file: ModelFile, model_dir: Path | None) -> str:
    if model_dir is None:
        return file.remedy
    return f"copy it from {file.distribution}=={file.version} ({file.path})"
