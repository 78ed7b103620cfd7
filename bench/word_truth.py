"""Which words of a transcript are right.

Theory of operation. The normalizer works on whole texts: it joins spoken numbers, writes
contractions out and drops fillers, so its words are not ours. The text is therefore normalised
twice, as a whole and word by word; where both agree a normalised word belongs to the word that
gave it, and where they do not, the whole stretch belongs to every word of it. A word is right
when all that belongs to it is matched in the reference. Numbers are compared digit by digit,
because the normalizer makes one word of "five, zero" in one place and two in another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import jiwer

from bench.spelling import normalise


def right_words(reference: str, words: Sequence[str], language: str = "en") -> list[bool | None]:
    """Tell of each word whether it was said; None of one that the comparison leaves out."""
    said, heard = (compared_words(text, language) for text in (reference, " ".join(words)))
    is_matched = _matches(said, heard)
    return [
        all(is_matched[place] for place in places) if places else None
        for places in _owned_places(words, heard, language)
    ]


def compared_words(text: str, language: str = "en") -> list[str]:
    """Return the words that are compared: normalised, each digit by itself."""
    return re.sub(r"(?<=\d)(?=\d)", " ", normalise(text, language)).split()


def _matches(said: Sequence[str], heard: Sequence[str]) -> list[bool]:
    is_matched = [False] * len(heard)
    if said and heard:  # jiwer takes no empty reference
        chunks = jiwer.process_words(" ".join(said), " ".join(heard)).alignments[0]
        for chunk in chunks:
            if chunk.type == "equal":
                length = chunk.hyp_end_idx - chunk.hyp_start_idx
                is_matched[chunk.hyp_start_idx : chunk.hyp_end_idx] = [True] * length
    return is_matched


def _owned_places(words: Sequence[str], heard: Sequence[str], language: str) -> list[list[int]]:
    """Return for each word the places in `heard` that come of it."""
    parts = [
        (part, owner) for owner, word in enumerate(words) for part in compared_words(word, language)
    ]
    owned: list[set[int]] = [set() for _ in words]
    matcher = SequenceMatcher(None, [part for part, _ in parts], heard, autojunk=False)
    for kind, first, last, start, end in matcher.get_opcodes():
        for number, (_, owner) in enumerate(parts[first:last]):
            owned[owner] |= {start + number} if kind == "equal" else set(range(start, end))
    return [sorted(places) for places in owned]
