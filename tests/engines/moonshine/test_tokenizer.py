from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.moonshine.family import TINY_EN
from scribewire.engines.moonshine.tokenizer import END, START, Tokenizer
from scribewire.errors import ModelFault
from scribewire.models.store import find_model

MARKS = [b"<unk>", b"<s>", b"</s>"]
BYTES = [bytes([value]) for value in range(256)]
WORDS = ["\u2581Hello", "\u2581wor", "ld", "\u2581", "\u2581\u2581", "<<ST_0>>", "<<"]
HELLO, WOR, LD, SPACE, SPACES, SPECIAL, ANGLES = range(259, 266)


def byte_id(value: int) -> int:
    return 3 + value


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer([*MARKS, *BYTES, *(word.encode() for word in WORDS)])


CASES = [
    ("nothing", [], ""),
    ("words", [HELLO, WOR, LD], "Hello world"),
    ("marks are no text", [START, HELLO, 0, END], "Hello"),
    ("reserved tokens are no text", [HELLO, SPECIAL, WOR, LD], "Hello world"),
    ("angles are text", [ANGLES], "<<"),
    ("a character in bytes", [HELLO, byte_id(0xC3), byte_id(0xA9)], "Hello\u00e9"),
    ("half a character", [HELLO, byte_id(0xC3)], "Hello\ufffd"),
    ("a byte that begins nothing", [byte_id(0xFF), WOR, LD], "\ufffd world"),
    ("space at the ends", [SPACES, HELLO, SPACE], "Hello"),
    ("only space", [SPACE, SPACES], ""),
]


@pytest.mark.parametrize(("name", "tokens", "text"), CASES, ids=[name for name, _, _ in CASES])
def test_tokens_become_text(name: str, tokens: list[int], text: str, tokenizer: Tokenizer) -> None:
    assert "".join(tokenizer.spell(tokens)).strip() == text, name


SPELLINGS = [
    ("nothing", [], []),
    ("a word keeps its space", [HELLO, WOR, LD], [" Hello", " wor", "ld"]),
    ("marks add nothing", [START, HELLO, SPECIAL, END], ["", " Hello", "", ""]),
    (
        "bytes stand in the first",
        [WOR, byte_id(0xC3), byte_id(0xA9), LD],
        [" wor", "\u00e9", "", "ld"],
    ),
    (
        "four bytes",
        [byte_id(0xF0), byte_id(0x9F), byte_id(0x98), byte_id(0x80), LD],
        ["\U0001f600", "", "", "", "ld"],
    ),
    ("half a character", [byte_id(0xC3), LD], ["\ufffd", "ld"]),
    ("half a character at the end", [LD, byte_id(0xE2), byte_id(0x82)], ["ld", "\ufffd", ""]),
    ("half a character twice", [byte_id(0xE2), byte_id(0xE2)], ["\ufffd", "\ufffd"]),
    (
        "a character, then half of one",
        [byte_id(0xC3), byte_id(0xA9), byte_id(0xC3)],
        ["\u00e9", "", "\ufffd"],
    ),
    ("a mark amid the bytes", [byte_id(0xC3), SPECIAL, byte_id(0xA9)], ["\u00e9", "", ""]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tokens", "texts"), SPELLINGS, ids=[name for name, _, _ in SPELLINGS]
)
def test_each_token_has_its_part_of_the_text(
    name: str, tokens: list[int], texts: list[str], tokenizer: Tokenizer
) -> None:
    assert tokenizer.spell(tokens) == texts, name


@given(tokens=st.lists(st.integers(0, 265), max_size=12))
def test_the_parts_make_up_the_text(tokens: list[int]) -> None:
    tokenizer = Tokenizer([*MARKS, *BYTES, *(word.encode() for word in WORDS)])

    texts = tokenizer.spell(tokens)

    assert len(texts) == len(tokens)
    raw = b"".join(
        [*MARKS, *BYTES, *(word.encode() for word in WORDS)][token]
        for token in tokens
        if tokenizer.is_text(token)
    )
    assert "".join(texts) == raw.decode("utf-8", "replace").replace("\u2581", " ")


def test_only_text_is_text(tokenizer: Tokenizer) -> None:
    found = [token for token in range(266) if not tokenizer.is_text(token)]

    assert found == [0, START, END, SPECIAL]


def test_the_length_of_an_entry_takes_one_byte_or_two(tmp_path: Path) -> None:
    long = b"x" * 300
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(b"\x00" * 3 + b"\x02ab" + bytes([128 + 300 % 128, 300 // 128]) + long)

    tokenizer = Tokenizer.load(path)

    assert tokenizer.spell([3, 4]) == ["ab", "x" * 300]


@pytest.mark.parametrize("content", [b"\x05ab", b"\x81", b"\xac\x02xyz"])
def test_a_file_that_breaks_off_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(content)

    with pytest.raises(ModelFault, match=r"tokenizer\.bin: breaks off inside an entry"):
        Tokenizer.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"tokenizer\.bin: No such file"):
        Tokenizer.load(tmp_path / "tokenizer.bin")


def test_the_vocabulary_of_the_model_is_whole() -> None:
    tokenizer = Tokenizer.load(find_model(TINY_EN.file("tokenizer.bin")))

    assert tokenizer.spell([byte_id(0x41), byte_id(0x7A), 32_767])[:2] == ["A", "z"]
    with pytest.raises(IndexError):
        tokenizer.is_text(32_768)
