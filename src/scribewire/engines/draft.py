"""Greedy decoding that checks a draft instead of writing everything anew.

Theory of operation. The decoder tells what follows each token of a call, not the last one alone,
and a call with ten tokens takes hardly longer than one with a single token. So the draft goes
along as a guess: as far as it says what the decoder would have said, it is taken; where it errs,
the decoder's own token stands in its place, and what was computed after it is forgotten. The next
call guesses with the rest of the draft, from where it seems to go on.

The text may differ from that of `decode_greedily` where two tokens are nearly as likely:
activations of 8 bits are scaled by all that is in the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scribewire.engines.greedy import Decoded, Logits, token_logprob
from scribewire.recognition.requests import Token

MAX_SHIFT_TOKENS = 6  # further apart, equal tokens are other words


class CheckedSteps(Protocol):
    """One decode under way that can be taken back."""

    def next_rows_of(self, tokens: Sequence[int]) -> Logits:
        """Take `tokens` as decoded; return the logits after each, shape (tokens, vocabulary)."""

    def forget(self, count: int) -> None:
        """Take back the latest `count` tokens."""


def decode_with_draft(
    steps: CheckedSteps, *, start: int, end: int, max_tokens: int, draft: Sequence[int]
) -> Decoded:
    """Follow the likeliest token from `start` until `end`, for at most `max_tokens` tokens."""
    tokens: list[Token] = []
    latest = start
    at = 0  # of the draft: what is guessed to come next
    while len(tokens) < max_tokens:
        guess = draft[at : at + max_tokens - len(tokens) - 1]
        rows = steps.next_rows_of([latest, *guess])
        for taken, logits in enumerate(rows):
            latest = int(logits.argmax())
            if latest == end:
                return Decoded(tuple(tokens), is_complete=True)
            tokens.append(Token(latest, token_logprob(logits, latest)))
            if taken == len(guess) or guess[taken] != latest:
                break
        steps.forget(len(guess) - taken)
        at = _resume(draft, at + taken, latest)
    return Decoded(tuple(tokens), is_complete=False)


def _resume(draft: Sequence[int], at: int, latest: int) -> int:
    """Return where the draft goes on after `latest`, which stands where `draft[at]` was guessed.

    After the nearest token that is the same; else it is taken for a replacement.
    """
    near = range(max(at - MAX_SHIFT_TOKENS, 0), min(at + MAX_SHIFT_TOKENS + 1, len(draft)))
    same = [index for index in near if draft[index] == latest]
    return min(same, key=lambda index: (abs(index - at), -index), default=at) + 1
