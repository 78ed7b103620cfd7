"""A Whisper model of 2 MB, with weights of chance, in its real format.

`build(folder)` writes what a conversion for CTranslate2 writes: `model.bin`, `config.json`,
`vocabulary.json` and `tokenizer.json`, with the special tokens where Whisper has them, so the
library takes it for a multilingual Whisper. Of 80 mel bins it is laid out as base is, of 128 as
large-v3 (one language more). What it says means nothing, and is the same for the same seed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import WhisperSpec

WIDTH: Final = 16
HEADS: Final = 2
LAYERS: Final = 1
ENCODED_FRAMES: Final = 1500
"""Of 30 s: one for each 20 ms."""
MAX_TOKENS: Final = 448
TEXT_TOKENS: Final = 50_257
"""Those of less are text; the first special one is the end of the text."""

# In the order of their tokens, as OpenAI published them.
_LANGUAGES: Final = """
en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr
bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn
yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su
"""
_LATER_LANGUAGES: Final = ("yue",)  # of 128 mel bins
_TASKS: Final = (
    "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
    "<|notimestamps|>",
)  # fmt: skip
_TIMES: Final = tuple(f"<|{step * 0.02:.2f}|>" for step in range(1501))
_LATER_MELS: Final = 128
_SCALE: Final = 0.3  # of the weights: enough that tokens differ, little enough for 16 bits

Weights = npt.NDArray[np.float32]


def build(folder: Path, n_mels: int = 80, *, seed: int = 0) -> Path:
    """Write the model's four files into the folder, made if need be, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    languages = _languages(n_mels)
    special = ("<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages))
    text = _text_tokens()
    vocabulary = [*text, *special, *_TASKS, *_TIMES]
    spec = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    _fill(spec, n_mels, len(vocabulary), np.random.default_rng(seed))
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = [1, 2]
    spec.config.suppress_ids_begin = [220, TEXT_TOKENS]
    first = vocabulary.index("<|en|>")
    spec.config.lang_ids = list(range(first, first + len(languages)))
    spec.config.alignment_heads = [
        [layer, head] for layer in range(LAYERS) for head in range(HEADS)
    ]
    spec.validate()
    spec.optimize(quantization="float16")
    spec.save(str(folder))
    _write_tokenizer(folder / "tokenizer.json", text, [*special, *_TASKS])
    return folder


def _languages(n_mels: int) -> tuple[str, ...]:
    return (*_LANGUAGES.split(), *(_LATER_LANGUAGES if n_mels == _LATER_MELS else ()))


def _text_tokens() -> list[str]:
    """Return a letter for each byte, pairs of them, and the empty one that Whisper ends with."""
    letters = byte_letters()
    pairs = (first + second for first in letters for second in letters)
    return [*letters, *(next(pairs) for _ in range(TEXT_TOKENS - len(letters) - 1)), ""]


def byte_letters() -> list[str]:
    """Return the 256 letters that stand for bytes in tokens, in the order of their tokens."""
    own = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in own]
    return [*map(chr, own), *(chr(256 + place) for place in range(len(others)))]


def _fill(spec: WhisperSpec, n_mels: int, tokens: int, random: np.random.Generator) -> None:
    def weights(*shape: int) -> Weights:
        return random.normal(0, _SCALE, shape).astype(np.float32)

    _fill_linear(spec.encoder.conv1, weights(WIDTH, n_mels, 3))
    _fill_linear(spec.encoder.conv2, weights(WIDTH, WIDTH, 3))
    spec.encoder.position_encodings.encodings = weights(ENCODED_FRAMES, WIDTH)
    spec.decoder.position_encodings.encodings = weights(MAX_TOKENS, WIDTH)
    spec.decoder.embeddings.weight = weights(tokens, WIDTH)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    for half in (spec.encoder, spec.decoder):
        _fill_norm(half.layer_norm)
        for layer in half.layer:
            _fill_norm(layer.self_attention.layer_norm)
            _fill_linear(layer.self_attention.linear[0], weights(3 * WIDTH, WIDTH))
            _fill_linear(layer.self_attention.linear[1], weights(WIDTH, WIDTH))
            _fill_norm(layer.ffn.layer_norm)
            _fill_linear(layer.ffn.linear_0, weights(4 * WIDTH, WIDTH))
            _fill_linear(layer.ffn.linear_1, weights(WIDTH, 4 * WIDTH))
    for layer in spec.decoder.layer:  # what looks at the encoder
        _fill_norm(layer.attention.layer_norm)
        _fill_linear(layer.attention.linear[0], weights(WIDTH, WIDTH))
        _fill_linear(layer.attention.linear[1], weights(2 * WIDTH, WIDTH))
        _fill_linear(layer.attention.linear[2], weights(WIDTH, WIDTH))


def _fill_linear(linear: object, weight: Weights) -> None:
    linear.weight = weight  # type: ignore[attr-defined]  # the library ships no types
    linear.bias = np.zeros(weight.shape[0], np.float32)  # type: ignore[attr-defined]  # likewise


def _fill_norm(norm: object) -> None:
    norm.gamma = np.ones(WIDTH, np.float32)  # type: ignore[attr-defined]  # likewise
    norm.beta = np.zeros(WIDTH, np.float32)  # type: ignore[attr-defined]  # likewise


def _write_tokenizer(path: Path, text: list[str], special: list[str]) -> None:
    """Write pairs of bytes and special tokens as Hugging Face's tokenizers keep them."""
    byte_level = {
        "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True,
    }  # fmt: skip
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": TEXT_TOKENS + place, "content": token, "single_word": False,
                "lstrip": False, "rstrip": False, "normalized": False, "special": True,
            }
            for place, token in enumerate(special)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False,
            "vocab": {token: number for number, token in enumerate(text)},
            "merges": [f"{token[0]} {token[1]}" for token in text if len(token) == len("ab")],
        },
    }  # fmt: skip
    path.write_text(json.dumps(document), "utf-8")
