"""Token numbers to text and marks to token numbers, from Whisper's `tokenizer.json`.

The vocabulary is GPT-2's: a token is a string of bytes, each written as one printable character.
Behind the text stand the marks: end, start, one for each language, tasks, and the times.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from scribewire.engines.spelling import spell_pieces
from scribewire.errors import ModelFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

END: Final = "<|endoftext|>"
START: Final = "<|startoftranscript|>"
BEFORE: Final = "<|startofprev|>"
TRANSCRIBE: Final = "<|transcribe|>"
NO_TIMES: Final = "<|notimestamps|>"


class ByteTokenizer:
    """The vocabulary of one model. What is no text is a mark, from `end` on."""

    def __init__(self, texts: Mapping[str, int], marks: Mapping[str, int]) -> None:
        letters = _bytes_of_letters()
        self._bytes = {
            number: bytes(letters[letter] for letter in text)
            for text, number in texts.items()
            if number not in marks.values()
        }
        self._marks = marks
        self.end = marks[END]

    @classmethod
    def load(cls, path: Path) -> ByteTokenizer:
        """Read a `tokenizer.json`. Raises ModelFault when it is missing or another kind."""
        try:
            document = json.loads(path.read_text("utf-8"))
            marks = {token["content"]: token["id"] for token in document["added_tokens"]}
            return cls(document["model"]["vocab"], marks)
        except OSError as error:
            raise ModelFault(f"model file {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelFault(f"model file {path}: no tokenizer of a Whisper: {error!r}") from error

    def mark(self, name: str) -> int:
        """Return the number of a mark. Raises KeyError where the model has none."""
        return self._marks[name]

    def language(self, code: str) -> int:
        """Return the mark of a language by its ISO 639-1 code. Raises KeyError."""
        return self._marks[f"<|{code}|>"]

    def is_text(self, token: int) -> bool:
        """Tell whether the token stands for text, not for a mark."""
        return token < self.end

    def spell(self, tokens: Iterable[int]) -> list[str]:
        """Return what each token adds to the text, a space at the beginning of each word.

        A character of several tokens is as in `spell_pieces`; marks add nothing.
        """
        return spell_pieces(self._bytes.get(token, b"") for token in tokens)


def _bytes_of_letters() -> dict[str, int]:
    """Return which byte each letter of the vocabulary stands for.

    A byte that Latin-1 can print stands for itself, the others for the letters from U+0100 on, in
    their order.
    """
    printed = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(0x100) if byte not in printed)
    return {chr(byte): byte for byte in printed} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }
