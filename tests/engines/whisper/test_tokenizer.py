from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scribewire.engines.whisper.tokenizer import END, START, ByteTokenizer
from scribewire.errors import ModelFault
from tests.parts.multilingual import whisper_base
from tests.parts.tiny_whisper import build, byte_letters

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ByteTokenizer:
    return ByteTokenizer.load(build(tmp_path_factory.mktemp("tiny")) / "tokenizer.json")


def ids_of(text: str) -> list[int]:
    """Return the tokens of single bytes that spell the text."""
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    order = [*own, *(byte for byte in range(256) if byte not in own)]
    return [order.index(byte) for byte in text.encode()]


def test_every_byte_is_spelled(tokenizer: ByteTokenizer) -> None:
    assert len(byte_letters()) == 256
    text = " één, naïve große Straße 5 €!\n"

    assert "".join(tokenizer.spell(ids_of(text))) == text


def test_a_character_of_several_tokens_stands_whole_in_the_first(tokenizer: ByteTokenizer) -> None:
    assert tokenizer.spell(ids_of("a€b")) == ["a", "€", "", "", "b"]


def test_a_character_that_breaks_off_is_replaced(tokenizer: ByteTokenizer) -> None:
    assert tokenizer.spell(ids_of("a€")[:-1]) == ["a", "\ufffd", ""]


def test_marks_are_known_by_name_and_spell_nothing(tokenizer: ByteTokenizer) -> None:
    marks = [tokenizer.mark(START), tokenizer.language("nl"), tokenizer.mark(END)]

    assert tokenizer.spell(marks) == ["", "", ""]
    assert not any(map(tokenizer.is_text, marks))
    assert all(map(tokenizer.is_text, ids_of("text")))


def test_an_unknown_language_has_no_mark(tokenizer: ByteTokenizer) -> None:
    with pytest.raises(KeyError):
        tokenizer.language("xx")


def _missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _another_kind(path: Path) -> None:
    path.write_text(json.dumps({"model": {"vocab": {}}}))


@pytest.mark.parametrize("harm", [_missing, _another_kind])
def test_a_file_that_is_none_is_refused(harm: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    harm(path)

    with pytest.raises(ModelFault, match=str(path)):
        ByteTokenizer.load(path)


def test_the_real_one_has_its_marks_where_they_were_published() -> None:
    with whisper_base() as folder:
        real = ByteTokenizer.load(folder / "tokenizer.json")

    assert [real.mark(END), real.mark(START), real.language("en")] == [50257, 50258, 50259]
    assert [real.language(code) for code in ("de", "fr", "nl")] == [50261, 50265, 50271]
    assert real.spell([1346, 2148, 267]) == [" De", " stra", "at"]
