"""Models that several packages carry in parts: joined once, verified, cached.

CTranslate2 takes a folder, and twice the memory for bytes. The parts are read where they were
installed; their packages are never imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Carrier, FilePart, JoinedFile, Model
from scribewire.models.store import SHOWN_DIGITS

_PIECE_BYTES = 1 << 20
_MB = 10**6


@contextmanager
def joined_model(model: Model, model_dir: Path | None, cache: ModelCache) -> Iterator[Path]:
    """Yield the folder that holds all of the model's files, verified. Load them before leaving.

    With `model_dir`, they are looked for in its folder of the model's name and nowhere else.
    Without, they are joined of the first carrier that is installed whole. Raises ModelFault.
    """
    if model_dir is not None:
        yield _check_own(model, model_dir / model.name)
        return
    # Of one that is there in part, what is missing is told.
    carrier = next(filter(_is_whole, model.carriers), None) or next(
        filter(_is_installed, model.carriers), None
    )
    if carrier is None:
        raise ModelFault(_say_not_installed(model))
    key = hashlib.sha256("".join(file.sha256 for file in carrier.files).encode()).hexdigest()
    entry = cache.entry(
        f"{model.name}-{key}",
        lambda folder: _join(model, carrier, folder),
        doing=f"joining the model {model.name}",
        room_mb=-(-carrier.size // _MB),
    )
    with entry as folder:
        yield folder


def why_missing(model: Model, model_dir: Path | None) -> str | None:
    """Return what to do where the model is not there at all; None where it is, intact or not.

    It reads no file of the model, so it can be asked at every start.
    """
    if model_dir is not None:
        own = model_dir / model.name
        return None if own.is_dir() else f"model {model.name}: no folder {own}; {_copy(model)}"
    if any(map(_is_installed, model.carriers)):
        return None
    return _say_not_installed(model)


def _is_installed(carrier: Carrier) -> bool:
    """Tell whether any of its packages is: who has one of two is told of the other."""
    return any(_version(name) is not None for name in carrier.distributions)


def _is_whole(carrier: Carrier) -> bool:
    return all(_version(name) is not None for name in carrier.distributions)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _say_not_installed(model: Model) -> str:
    first, *others = model.carriers
    words = f"model {model.name}: {' and '.join(first.distributions)} are not installed"
    commands = [f"pip install {' '.join(_pins(carrier))}" for carrier in (first, *others)]
    return f"{words}; {', or '.join(commands)}"


def _pins(carrier: Carrier) -> list[str]:
    return [f"{name}=={carrier.version}" for name in carrier.distributions]


def _join(model: Model, carrier: Carrier, folder: Path) -> None:
    for file in carrier.files:
        paths = [_locate(model, carrier, part) for part in file.parts]
        with _reading(model, paths):
            size = sum(path.stat().st_size for path in paths)
        if size != file.size:
            raise ModelFault(f"{_say_size(model, file, size)}; {_mend(carrier)}")
        digest = hashlib.sha256()
        with (folder / file.name).open("wb") as joined:
            for piece in _pieces(model, paths):
                digest.update(piece)
                joined.write(piece)
        if digest.hexdigest() != file.sha256:
            raise ModelFault(f"{_say_digest(model, digest.hexdigest(), file)}; {_mend(carrier)}")


def _locate(model: Model, carrier: Carrier, part: FilePart) -> Path:
    try:
        distribution = metadata.distribution(part.distribution)
    except metadata.PackageNotFoundError as error:
        raise ModelFault(
            f"model {model.name}: {part.distribution} is not installed; {carrier.remedy}"
        ) from error
    path = Path(str(distribution.locate_file(part.path)))
    with _reading(model, [path]):
        is_there = path.is_file()
    if not is_there:
        raise ModelFault(f"model {model.name}: {path.name} is missing; {_mend(carrier)}")
    return path


def _pieces(model: Model, paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        with _reading(model, [path]), path.open("rb") as part:
            while piece := part.read(_PIECE_BYTES):
                yield piece


@contextmanager
def _reading(model: Model, paths: list[Path]) -> Iterator[None]:
    """Have what cannot be read told as that: other errors are taken for those of the cache."""
    try:
        yield
    except OSError as error:
        path = error.filename or ", ".join(map(str, paths))
        raise ModelFault(f"model {model.name}: {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()


def _mend(carrier: Carrier) -> str:
    """Return what to do about a carrier's files, and whether they are of another release."""
    others = [
        f"{name} is {version}, expected {carrier.version}"
        for name in carrier.distributions
        if (version := _version(name)) not in {None, carrier.version}
    ]
    return "; ".join([*others, carrier.remedy])


def _check_own(model: Model, folder: Path) -> Path:
    """Compare a folder of the user's own with what each carrier has, reading each file once."""
    if not folder.is_dir():
        raise ModelFault(f"model {model.name}: no folder {folder}; {_copy(model)}")
    found: dict[str, str] = {}
    faults = [_compare(model, carrier, folder, found) for carrier in model.carriers]
    if None in faults:
        return folder
    raise ModelFault(f"{faults[0]}; {_copy(model)}")


def _compare(model: Model, carrier: Carrier, folder: Path, found: dict[str, str]) -> str | None:
    for file in carrier.files:
        path = folder / file.name
        try:
            size = path.stat().st_size
            if size != file.size:
                return f"{_say_size(model, file, size)} in {folder}"
            if file.name not in found:
                found[file.name] = _sha256(path)
        except OSError as error:
            return f"model file {path}: {_reason(error)}"
        if found[file.name] != file.sha256:
            return f"{_say_digest(model, found[file.name], file)} in {folder}"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _say_size(model: Model, file: JoinedFile, size: int) -> str:
    return f"model {model.name}: {file.name} of {size:,} bytes: expected {file.size:,}"


def _say_digest(model: Model, found: str, file: JoinedFile) -> str:
    return (
        f"model {model.name}: {file.name} with SHA-256 {found[:SHOWN_DIGITS]}...: expected "
        f"{file.sha256[:SHOWN_DIGITS]}..."
    )


def _copy(model: Model) -> str:
    """Return what a folder of the user's own must hold."""
    first = model.carriers[0]
    names = ", ".join(file.name for file in first.files)
    return f"put {names} there, as {' '.join(_pins(first))} carry them"
