from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from scribewire.engines.whisper.weights import check_folder
from scribewire.errors import ModelFault
from tests.parts.tiny_whisper import build


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "model"))


def fault(folder: Path) -> str:
    with pytest.raises(ModelFault) as caught:
        check_folder(folder)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("n_mels", [80, 128])
def test_a_folder_tells_its_mel_bins_and_languages(n_mels: int, tmp_path: Path) -> None:
    found = check_folder(build(tmp_path, n_mels))

    assert (found.path, found.n_mels) == (tmp_path, n_mels)
    assert found.languages >= {"en", "nl", "fr", "de"}
    assert ("yue" in found.languages) is (n_mels == 128)


@pytest.mark.slow
def test_a_vocabulary_may_be_lines_of_text(folder: Path) -> None:
    tokens = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    (folder / "vocabulary.json").unlink()
    (folder / "vocabulary.txt").write_text("\n".join(tokens) + "\n", "utf-8")

    assert "nl" in check_folder(folder).languages


def test_the_token_of_no_speech_may_have_its_older_name(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace("<|nospeech|>", "<|nocaptions|>"), "utf-8")

    assert "nl" in check_folder(folder).languages


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    assert fault(tmp_path / "none") == (
        f"Whisper model {tmp_path}/none: is no folder; give one that holds model.bin, config.json, "
        "tokenizer.json and vocabulary.json or .txt"
    )


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()

    assert fault(folder) == (
        f"Whisper model {folder}/{name}: no such file or directory; convert it anew with "
        "ct2-transformers-converter, or copy the folder again"
    )


def test_a_missing_vocabulary_is_named_by_both_names(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()

    assert f"{folder}/vocabulary.json: no such file, nor vocabulary.txt; " in fault(folder)


def test_weights_that_are_cut_anywhere_are_told(folder: Path) -> None:
    path = folder / "model.bin"
    whole = path.read_bytes()
    for size in (0, 3, 10, 40, 2000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])

        assert "/model.bin: is cut: " in fault(folder)


def changed(at: int, form: str, value: object) -> Callable[[bytes], bytes]:
    piece = struct.pack(form, value)
    return lambda whole: whole[:at] + piece + whole[at + len(piece) :]


REVISION_AT = 4 + 2 + len("WhisperSpec\0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(0, "<I", 5), "is of format version 5: expected 6"),
        (changed(6, "<11s", b"BertSpec\0\0\0"), "holds a model of 'BertSpec"),
        (changed(REVISION_AT, "<I", 4), "holds revision 4 of WhisperSpec: expected at most 3"),
        (changed(REVISION_AT + 4, "<I", 2**31), "names 2,147,483,648 variables: no Whisper"),
        (lambda whole: b"PK\3\4" + whole, "is of format version 67324752: expected 6"),
        (lambda whole: whole.replace(b"encoder/conv1/weight", b"encoder/conv9/weight"), "no enc"),
        (lambda whole: whole.replace(b"decoder/embeddings/w", b"decoder/embeddinks/w"), "no dec"),
        (lambda whole: whole.replace(b"decoder/num_heads", b"\xff" * 17), "is no model of CTra"),
    ],
)
def test_weights_of_another_kind_are_told(
    change: Callable[[bytes], bytes], words: str, folder: Path
) -> None:
    path = folder / "model.bin"
    path.write_bytes(change(path.read_bytes()))

    assert f"/model.bin: {words}" in fault(folder)


@pytest.mark.parametrize(
    ("name", "contents", "words"),
    [
        ("config.json", b"[]", "config.json: expected an object with alignment_heads"),
        ("config.json", b"{}", "config.json: expected an object with alignment_heads"),
        (
            "config.json",
            b'{"alignment_heads": []}',
            "config.json: expected an object with alignment_heads",
        ),
        ("config.json", b"{", "config.json: no JSON: "),
        ("config.json", b"\xff", "config.json: no UTF-8"),
        ("vocabulary.json", b"[1, 2]", "vocabulary.json: expected a list of tokens"),
        ("vocabulary.json", b'["a"]', ": vocabulary of 1 tokens: model.bin has 51,865"),
        ("tokenizer.json", b"{}", "tokenizer.json: expected a model with a vocab"),
        (
            "tokenizer.json",
            b'{"model": {"vocab": {"b": 0}}, "added_tokens": []}',
            "tokenizer.json: 'b' is token 0: not so in the vocabulary",
        ),
        (
            "tokenizer.json",
            b'{"model": {"vocab": {"!": 0}}, "added_tokens": [{"content": "<|en|>", "id": 51865}]}',
            "tokenizer.json: '<|en|>' is token 51865: not so in the vocabulary",
        ),
        (
            "tokenizer.json",
            b'{"model": {"vocab": {}}, "added_tokens": ["<|en|>"]}',
            "tokenizer.json: '<|en|>' is token None: not so in the vocabulary",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_told(
    name: str, contents: bytes, words: str, folder: Path
) -> None:
    (folder / name).write_bytes(contents)

    assert words in fault(folder)
