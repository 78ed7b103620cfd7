"""Recorded dialogues with something wrong: what a client might send, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote, urlencode

from bench.server_process import ROOT
from tests.parts.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close,
    frame,
    upgrade,
)

VECTORS = ROOT / "protocol" / "vectors"

REFUSED_URL = "http://127.0.0.1:9/a"  # stream mode connects nowhere: not an allowed address
LARGEST_BYTES = 200_000  # of one message: beyond this only size is tried, and that has a test


ODD_TEXTS = (
    *("{}", "[]", "", "nul", "[" * 500, "1e999", '"\\ud800"', '{"a":1,"a":2}'),
    *('{"action":"start"}', '{"action":"stop"}', '{"action":null}', '{"action":"start","key":1}'),
)


@dataclass(frozen=True, slots=True)
class Script:
    """What a client sends: a handshake, then frames."""

    handshake: bytes
    frames: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """Everything behind the handshake."""
        return b"".join(self.frames)


def read_scripts(folder: Path = VECTORS) -> list[Script]:
    """Return what the clients of the recorded dialogues send."""
    return [_read_script(path) for path in sorted(folder.glob("*.jsonl"))]


def mutate(script: Script, random: Random) -> Script:
    """Return the script with one to four things wrong with it."""
    handshake, frames = script.handshake, list(script.frames)
    if random.random() < 0.1:
        return Script(_flip(handshake, random), tuple(frames))
    for _ in range(random.randint(1, 4)):
        random.choice(_MUTATIONS)(frames, random)
    return Script(handshake, tuple(frames))


def _read_script(path: Path) -> Script:
    header, *steps = map(json.loads, path.read_text("utf-8").splitlines())
    query = dict(header["query"])
    if "url" in query:
        query["url"] = REFUSED_URL
    lines = [f"{name}: {value}" for name, value in header["headers"].items()]
    pairs = [(name, one) for name, value in query.items() for one in _several(value)]
    target = f"{quote(header['endpoint'])}?{urlencode(pairs)}"
    frames = [_frame(step) for step in steps if step["from"] == "client"]
    handshake = upgrade(target, *(line for line in lines if line.isascii()))
    return Script(handshake, tuple(one for one in frames if one))


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _frame(step: dict[str, object]) -> bytes:
    match step:
        case {"text": str(text)}:
            return frame(TEXT, text.encode("utf-8", "replace"))
        case {"binary_hex": str(digits)}:
            return frame(BINARY, bytes.fromhex(digits))
        case {"binary_repeat": [str(digits), int(times)]}:
            return frame(BINARY, bytes.fromhex(digits) * min(times, LARGEST_BYTES))
        case {"close": int(code)} if code != 1006:
            return close(code)
        case _:
            return b""


# What goes wrong. Each changes the list in place.


def _add(frames: list[bytes], random: Random, *more: bytes) -> None:
    at = random.randint(0, len(frames))
    frames[at:at] = more


def _bad_text(frames: list[bytes], random: Random) -> None:
    bad = random.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b'{"action":"\xfe"}', b"\xf4\x90\x80"])
    _add(frames, random, frame(TEXT, bad))


def _odd_text(frames: list[bytes], random: Random) -> None:
    _add(frames, random, frame(TEXT, random.choice(ODD_TEXTS).encode()))


def _bad_opcode(frames: list[bytes], random: Random) -> None:
    _add(frames, random, frame(random.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), b"a"))


def _fragments(frames: list[bytes], random: Random) -> None:
    data = random.randbytes(random.randint(0, 40))
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.randint(1, 6)))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    first = frame(random.choice([TEXT, BINARY]), parts[0], is_last=False)
    middle = [frame(CONTINUATION, part, is_last=False) for part in parts[1:-1]]
    last = frame(CONTINUATION, parts[-1], is_last=random.random() < 0.8)
    between = [frame(random.choice([PING, PONG, CLOSE, TEXT]))] if random.random() < 0.5 else []
    _add(frames, random, first, *middle, *between, last)


def _control(frames: list[bytes], random: Random) -> None:
    payload = random.randbytes(random.choice([0, 1, 4, 125, 126, 300]))
    opcode = random.choice([PING, PONG])
    _add(frames, random, *[frame(opcode, payload)] * random.choice([1, 1, 3, 100]))


def _odd_close(frames: list[bytes], random: Random) -> None:
    code = random.choice(
        [0, 999, 1000, 1001, 1004, 1005, 1006, 1007, 1015, 1016, 3000, 4999, 65535]
    )
    odd = [frame(CLOSE), frame(CLOSE, b"\x03"), close(code), close(code, b"\xff\xfe"), close(1000)]
    _add(frames, random, random.choice(odd), *random.choice([(), (frame(TEXT, b"\xff"),)]))


def _bits(frames: list[bytes], random: Random) -> None:
    _change(frames, random, lambda one: _flip(one, random))


def _unmasked(frames: list[bytes], random: Random) -> None:
    _add(frames, random, b"\x81\x02{}")


def _reserved(frames: list[bytes], random: Random) -> None:
    _change(
        frames, random, lambda one: bytes([one[0] | random.choice([0x10, 0x20, 0x40])]) + one[1:]
    )


def _cut(frames: list[bytes], random: Random) -> None:
    _change(frames, random, lambda one: one[: random.randint(0, len(one))])


def _lie(frames: list[bytes], random: Random) -> None:
    length = random.choice([2**20 + 1, 2**31, 2**63 - 1, 2**64 - 1])
    _add(frames, random, bytes([0x82, 0xFF]) + length.to_bytes(8, "big") + b"abcd" + b"x" * 50)


def _reorder(frames: list[bytes], random: Random) -> None:
    random.shuffle(frames)


def _repeat(frames: list[bytes], random: Random) -> None:
    if frames:
        _add(frames, random, *[random.choice(frames)] * random.randint(1, 5))


def _drop(frames: list[bytes], random: Random) -> None:
    if frames:
        frames.pop(random.randrange(len(frames)))


def _noise(frames: list[bytes], random: Random) -> None:
    _add(frames, random, random.randbytes(random.randint(1, 200)))


_MUTATIONS = (
    *(_bad_text, _odd_text, _bad_opcode, _fragments, _control, _odd_close, _bits, _unmasked),
    *(_reserved, _cut, _lie, _reorder, _repeat, _drop, _noise),
)


def _change(frames: list[bytes], random: Random, change: Callable[[bytes], bytes]) -> None:
    whole = [at for at, one in enumerate(frames) if one]
    if whole:
        at = random.choice(whole)
        frames[at] = change(frames[at])


def _flip(data: bytes, random: Random) -> bytes:
    """Return the data with some bits of its first 300 bytes turned."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        changed[random.randrange(min(len(data), 300))] ^= 1 << random.randrange(8)
    return bytes(changed)
