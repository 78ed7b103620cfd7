"""The Moonshine decoder as three graphs: a first call, the calls after it, and its attention.

Theory of operation. The first call takes the known tokens and the encoder's output, and returns
the keys and values of both attentions; each later call takes one token and that cache. The
encoder's half of the cache never changes, so it is kept from the first call. The attention graph
hears the finished tokens once more, all in one call: that is cheaper than taking the attention
out of every step, and asking for it cannot change the text. Masks are per sample, not per hidden
frame: the graphs thin them themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.greedy import Logits
from scribewire.engines.onnx import OnnxSession, Tensor

if TYPE_CHECKING:
    from scribewire.engines.moonshine.prepared import DecoderFiles
    from scribewire.engines.protocols import Device

_LOGITS, _PRESENT, _PAST = "logits", "present.", "past_key_values."
_OWN_CACHE = ".decoder."  # keys and values of the tokens; the others are of the audio


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """What the encoder made of a waveform."""

    hidden: Tensor
    """Shape (1, frames, width)."""
    mask: Tensor
    """Ones, shape (1, samples)."""

    def feeds(self) -> dict[str, Tensor]:
        """Return it as every graph of the decoder takes it."""
        return {"encoder_hidden_states": self.hidden, "encoder_attention_mask": self.mask}


class DecoderGraphs:
    """The sessions of one decoder. Decodes may run side by side."""

    def __init__(self, files: DecoderFiles, *, device: Device = "cpu") -> None:
        self._first = OnnxSession(files.first, device=device)
        self._next = OnnxSession(files.next, device=device)
        self._attention = OnnxSession(files.attention, device=device)

    def begin(self, encoding: EncodedAudio, known: Sequence[int] = ()) -> DecoderSteps:
        """Return a decode in which `known` stand before the first token that is given."""
        return DecoderSteps(self._first, self._next, encoding=encoding, known=known)

    def attend(self, encoding: EncodedAudio, tokens: Sequence[int]) -> Tensor:
        """Return where the decoder looks as it takes each token to find the one after it.

        The shape is (layers, heads, tokens, frames).
        """
        feeds = {**encoding.feeds(), "input_ids": np.array([tokens], np.int64)}
        layers = self._attention.run(self._attention.output_names, feeds)
        return np.concatenate(layers)

    def close(self) -> None:
        """Give the memory back. Closing again does nothing."""
        for session in (self._first, self._next, self._attention):
            session.close()


class DecoderSteps:
    """One decode under way: the feeds of its next call, cache included."""

    def __init__(
        self,
        first: OnnxSession,
        later: OnnxSession,
        *,
        encoding: EncodedAudio,
        known: Sequence[int],
    ) -> None:
        self._session = first
        self._later = later
        self._known = tuple(known)
        self._feeds = encoding.feeds()

    def next_logits(self, token: int) -> Logits:
        """Take `token` as decoded and return the logits of the one after it."""
        last: Logits = self.next_rows_of((token,))[-1]
        return last

    def next_rows_of(self, tokens: Sequence[int]) -> Logits:
        """Take `tokens` as decoded; return the logits after each, shape (tokens, vocabulary)."""
        self._feeds["input_ids"] = np.array([[*self._known, *tokens]], np.int64)
        self._known = ()
        wanted = self._session.output_names
        for name, value in zip(wanted, self._session.run(wanted, self._feeds), strict=True):
            self._feeds[name.replace(_PRESENT, _PAST)] = value
        self._session = self._later
        rows: Logits = self._feeds.pop(_LOGITS)[0, -len(tokens) :]
        return rows

    def forget(self, count: int) -> None:
        """Take back the latest `count` tokens."""
        for name, value in self._feeds.items():
            if count and _OWN_CACHE in name:
                self._feeds[name] = value[:, :, :-count]

    def next_rows(self, parents: Sequence[int], tokens: Sequence[int]) -> Logits:
        """Go on with one row for each token, each from its row in `parents`.

        Comes after `next_logits`. Returns the logits after them, shape (rows, vocabulary).
        """
        for name, value in self._feeds.items():
            # The decoder's half of the cache differs from row to row; the rest never does.
            if _OWN_CACHE in name or len(value) != len(parents):
                self._feeds[name] = value[parents]
        self._feeds["input_ids"] = np.array(tokens, np.int64)[:, np.newaxis]
        wanted = self._later.output_names
        for name, value in zip(wanted, self._later.run(wanted, self._feeds), strict=True):
            self._feeds[name.replace(_PRESENT, _PAST)] = value
        last: Logits = self._feeds.pop(_LOGITS)[:, -1]
        return last
