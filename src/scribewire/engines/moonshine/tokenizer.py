"""Token numbers to text, from the `tokenizer.bin` of the Moonshine models.

The file holds the vocabulary in order: a length (one byte b below 128, else b - 128 + 128 times
the next byte), then that many raw bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scribewire.engines.spelling import spell_pieces
from scribewire.errors import ModelFault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START, END = 1, 2
_SPACE = "\u2581"  # the vocabulary writes a space as this block
_FIRST_TEXT_ID = 3  # 0 unknown, 1 start, 2 end; then 256 single bytes, then pieces of text
_SPECIAL = re.compile(rb"<<ST_\d+>>")  # reserved by the training, never text


class Tokenizer:
    """The vocabulary of one model."""

    def __init__(self, entries: list[bytes]) -> None:
        self._entries = entries

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read a `tokenizer.bin`. Raises ModelFault when it is missing or broken off."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelFault(f"model file {path}: {error.strerror}") from error
        try:
            return cls(_split_entries(data))
        except IndexError as error:
            raise ModelFault(f"model file {path}: breaks off inside an entry") from error

    def is_text(self, token: int) -> bool:
        """Tell whether the token stands for text, not for a mark of the model's own."""
        return token >= _FIRST_TEXT_ID and not _SPECIAL.fullmatch(self._entries[token])

    def spell(self, tokens: Iterable[int]) -> list[str]:
        """Return what each token adds to the text, a space at the beginning of each word.

        A character of several tokens is as in `spell_pieces`; tokens that stand for no text add
        nothing.
        """
        texts = spell_pieces(
            self._entries[token] if self.is_text(token) else b"" for token in tokens
        )
        return [text.replace(_SPACE, " ") for text in texts]


def _split_entries(data: bytes) -> list[bytes]:
    entries = []
    position = 0
    while position < len(data):
        length = data[position]
        position += 1
        if length >= 128:  # noqa: PLR2004 - the high bit says that a second byte follows
            length += 128 * (data[position] - 1)
            position += 1
        if position + length > len(data):
            raise IndexError
        entries.append(data[position : position + length])
        position += length
    return entries
