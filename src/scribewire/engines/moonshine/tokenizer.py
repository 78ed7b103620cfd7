"""Token numbers to text, from the `tokenizer.bin` of the Moonshine models.

The file holds the vocabulary in order: a length (one byte b below 128, else b - 128 + 128 times
the next byte), then that many raw bytes.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

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

        A character that is spelled in several tokens stands whole in the first of them, and is
        U+FFFD if some of its bytes are missing; tokens that stand for no text add nothing.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        texts: list[str] = []
        first = 0  # token in which the incomplete character begins
        for token in tokens:
            is_inside = bool(decoder.getstate()[0])
            found = decoder.decode(self._entries[token] if self.is_text(token) else b"")
            texts.append(found)
            if is_inside and found:  # its first character is the one that was incomplete
                texts[first] += found[0]
                texts[-1] = found[1:]
            if not is_inside or found:
                first = len(texts) - 1
        if texts:
            texts[first] += decoder.decode(b"", final=True)
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
