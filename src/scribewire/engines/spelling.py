"""From the bytes of tokens to what each of them adds to a text."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def spell_pieces(pieces: Iterable[bytes]) -> list[str]:
    """Return what each piece adds to the text, which is UTF-8.

    A character whose bytes are spread over several pieces stands whole in the first of them, and is
    U+FFFD if some of its bytes are missing.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts: list[str] = []
    first = 0  # piece in which the incomplete character begins
    for piece in pieces:
        is_inside = bool(decoder.getstate()[0])
        found = decoder.decode(piece)
        texts.append(found)
        if is_inside and found:  # its first character is the one that was incomplete
            texts[first] += found[0]
            texts[-1] = found[1:]
        if not is_inside or found:
            first = len(texts) - 1
    if texts:
        texts[first] += decoder.decode(b"", final=True)
    return texts
