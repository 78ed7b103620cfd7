"""The file of the numbers that were fitted for one model, beside the model's entry.

It is JSON: an object of parts, of which `calibration` is every speech model's and others are its
family's own. The names are those of the fields that a part is read into. Benches write
the groups that they fit (`--fit --write`); the others are edited by hand, with what was measured in
bench/README.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from scribewire.errors import ModelFault

T = TypeVar("T")


def read_fitted(path: Path, part: str, kind: type[T]) -> T:
    """Read one part of the file into the dataclass `kind`, which says what must be there.

    Raises ModelFault when the file cannot be read, or a number is missing, unknown or no number.
    """
    document = _read(path)
    if part not in document:
        raise _fault(path, f"no {part}: expected it beside {', '.join(document) or 'nothing'}")
    try:
        return TypeAdapter(kind).validate_json(
            json.dumps(document[part]), strict=True, extra="forbid"
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(place) for place in (part, *first["loc"]))
        raise _fault(path, f"{where}: {first['msg'].lower()}") from error


def write_fitted(path: Path, group: Sequence[str], numbers: Mapping[str, float]) -> None:
    """Replace the numbers of one group, named by its path of keys, and leave all others.

    Raises ModelFault when the file holds no such group of the same names.
    """
    document = _read(path)
    found: object = document
    for key in group:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict) or found.keys() != numbers.keys():
        raise _fault(path, f"{'.'.join(group)}: expected the numbers {', '.join(numbers)}")
    found.update(numbers)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _read(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text("utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise _fault(path, (error.strerror or "cannot be read").lower()) from error
    except ValueError as error:
        raise _fault(path, f"no JSON: {error}") from error
    if not isinstance(document, dict):
        raise _fault(path, "expected an object of parts")
    return document


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _fault(path: Path, words: str) -> ModelFault:
    return ModelFault(f"fitted numbers {path}: {words}; reinstall scribewire, or fit them anew")
