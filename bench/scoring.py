"""Count the words that a recognizer got wrong, the way published word error rates do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import jiwer

from bench.spelling import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class WordErrors:
    """How one hypothesis, or many together, differ from what was said."""

    words: int = 0
    """In the reference."""
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """Every kind together."""
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            words=self.words + other.words,
            substitutions=self.substitutions + other.substitutions,
            deletions=self.deletions + other.deletions,
            insertions=self.insertions + other.insertions,
        )


def count_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """Compare two transcripts once their spelling, case and numbers are made equal."""
    said, heard = normalise(reference, language), normalise(hypothesis, language)
    if not said or not heard:  # jiwer takes no empty reference
        return WordErrors(
            words=len(said.split()), deletions=len(said.split()), insertions=len(heard.split())
        )
    found = jiwer.process_words(said, heard)
    return WordErrors(
        words=found.hits + found.substitutions + found.deletions,
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
    )


def add_up(counts: Iterable[WordErrors]) -> WordErrors:
    """Pool counts, so that every word weighs the same."""
    return sum(counts, WordErrors())
