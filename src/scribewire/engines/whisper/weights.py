"""Whether a folder holds a Whisper model in CTranslate2's format, and which one.

CTranslate2 itself says little of what is wrong, and reads past the end of what was cut. Here the
names and shapes in `model.bin` are read, and its weights passed over.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from scribewire.errors import ModelFault

WEIGHTS: Final = "model.bin"
CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
"""Either of them: the format's newer name, then its older one."""

_BINARY_VERSION = 6  # what converters write since 2022, before the first Whisper
_SPEC: Final = "WhisperSpec"
_LATEST_REVISION = 3
_FIRST_CONVOLUTION: Final = "encoder/conv1/weight"  # shape (width, mel bins, 3)
_CONVOLUTION_RANK = 3
_EMBEDDINGS: Final = "decoder/embeddings/weight"  # shape (tokens, width)
_MOST_VARIABLES = 100_000  # large has 1,300; more is no header
_MULTILINGUAL_TOKENS = 51_865  # with less, the model was trained on English alone
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
_ALIKE: Final = frozenset(
    {"<|nospeech|>", "<|nocaptions|>"}
)  # one token, by its newer or older name
_WANTED: Final = f"give one that holds {WEIGHTS}, {CONFIG}, {TOKENIZER} and vocabulary.json or .txt"
_REMEDY: Final = "convert it anew with ct2-transformers-converter, or copy the folder again"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperFolder:
    """A model that can be loaded, as its files say."""

    path: Path
    n_mels: int
    """How many mel bands its features have: 80, or 128 from large-v3 on."""
    languages: frozenset[str]
    """Those that it was trained on, as its tokens name them."""
    parameters: int
    """How many numbers it has learnt: however many bytes each takes, its costs grow with them."""


def check_folder(path: Path) -> WhisperFolder:
    """Return what model the folder holds. Raises ModelFault, with what is wrong and what to do.

    Its files are taken for whole and of one conversion; whose weights they are is not asked.
    """
    if not path.is_dir():
        raise _fault(path, "is no folder", _WANTED)
    shapes = _read_shapes(path / WEIGHTS)
    tokens = _read_vocabulary(path)
    rows = shapes[_EMBEDDINGS][0]
    if len(tokens) != rows:
        raise _fault(path, f"vocabulary of {len(tokens):,} tokens: {WEIGHTS} has {rows:,}")
    _check_tokenizer(path / TOKENIZER, tokens)
    match _read_json(path / CONFIG):
        case {"alignment_heads": [_, *_]}:  # where words are heard is told by them
            pass
        case _:
            raise _fault(path / CONFIG, "expected an object with alignment_heads")
    return WhisperFolder(
        path=path,
        n_mels=shapes[_FIRST_CONVOLUTION][1],
        languages=_languages(tokens),
        parameters=sum(map(math.prod, shapes.values())),
    )


def _languages(tokens: list[str]) -> frozenset[str]:
    if len(tokens) < _MULTILINGUAL_TOKENS:
        return frozenset({"en"})
    return frozenset(found[1] for token in tokens if (found := _LANGUAGE.fullmatch(token)))


def _read_vocabulary(folder: Path) -> list[str]:
    for name in VOCABULARIES:
        path = folder / name
        if not path.exists():
            continue
        if name.endswith(".txt"):
            return _read_text(path).removesuffix("\n").split("\n")
        tokens = _read_json(path)
        if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
            return tokens
        raise _fault(path, "expected a list of tokens")
    raise _fault(folder / VOCABULARIES[0], f"no such file, nor {VOCABULARIES[1]}")


def _check_tokenizer(path: Path, tokens: list[str]) -> None:
    """Compare each number that the tokenizer knows with the vocabulary."""
    match _read_json(path):
        case {"model": {"vocab": dict(texts)}, "added_tokens": list(added)}:
            pairs = [*texts.items(), *map(_text_and_number, added)]
        case _:
            raise _fault(path, "expected a model with a vocab, and added_tokens")
    for text, number in pairs:
        if not _is_token(text, number, tokens):
            raise _fault(path, f"{text!r} is token {number!r}: not so in the vocabulary")


def _text_and_number(token: object) -> tuple[object, object]:
    match token:
        case {"content": text, "id": number}:
            return text, number
    return token, None


def _is_token(text: object, number: object, tokens: list[str]) -> bool:
    if not isinstance(number, int) or not 0 <= number < len(tokens):
        return False
    return tokens[number] == text or (tokens[number] in _ALIKE and text in _ALIKE)


def _read_json(path: Path) -> object:
    try:
        document: object = json.loads(_read_text(path))
    except ValueError as error:
        raise _fault(path, f"no JSON: {error}") from error
    return document


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise _fault(path, "no UTF-8") from error
    except OSError as error:
        raise _fault(path, _reason(error)) from error


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each variable, after checking that all of them are there."""
    try:
        with path.open("rb") as stream:
            shapes = _walk(stream, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise _fault(path, _reason(error)) from error
    except _OtherFormatError as error:
        raise _fault(path, str(error)) from error
    except UnicodeDecodeError as error:
        raise _fault(path, "is no model of CTranslate2") from error
    if len(shapes.get(_FIRST_CONVOLUTION, ())) != _CONVOLUTION_RANK:
        raise _fault(path, f"no {_FIRST_CONVOLUTION} of three dimensions")
    if not shapes.get(_EMBEDDINGS):
        raise _fault(path, f"no {_EMBEDDINGS}")
    return shapes


class _OtherFormatError(Exception):
    """The bytes say that they are something else; it says what."""


def _walk(stream: BinaryIO, size: int) -> dict[str, tuple[int, ...]]:
    version = _number(stream, "I")
    if version != _BINARY_VERSION:
        raise _OtherFormatError(f"is of format version {version}: expected {_BINARY_VERSION}")
    spec, revision = _string(stream), _number(stream, "I")
    if spec != _SPEC:
        raise _OtherFormatError(f"holds a model of {spec[:40]!r}: expected {_SPEC}")
    if revision > _LATEST_REVISION:
        raise _OtherFormatError(
            f"holds revision {revision} of {_SPEC}: expected at most {_LATEST_REVISION}"
        )
    count = _number(stream, "I")
    if count > _MOST_VARIABLES:
        raise _OtherFormatError(f"names {count:,} variables: no Whisper has so many")
    shapes = {}
    for _ in range(count):
        name = _string(stream)
        shapes[name] = tuple(_number(stream, "I") for _ in range(_number(stream, "B")))
        _number(stream, "B")  # the type of its numbers
        if stream.seek(_number(stream, "I"), os.SEEK_CUR) > size:
            raise _OtherFormatError(f"is cut: {size:,} bytes end inside {name}")
    for _ in range(2 * min(_number(stream, "I"), _MOST_VARIABLES)):  # other names of variables
        _string(stream)
    return shapes


def _number(stream: BinaryIO, kind: str) -> int:
    form = f"<{kind}"
    (number,) = struct.unpack(form, _exactly(stream, struct.calcsize(form)))
    return int(number)


def _string(stream: BinaryIO) -> str:
    return _exactly(stream, _number(stream, "H")).removesuffix(b"\0").decode("utf-8")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    read = stream.read(size)
    if len(read) < size:
        raise _OtherFormatError(f"is cut: it ends after {stream.tell():,} bytes")
    return read


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()


def _fault(path: Path, words: str, remedy: str = _REMEDY) -> ModelFault:
    return ModelFault(f"Whisper model {path}: {words}; {remedy}")
