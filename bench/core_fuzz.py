"""The protocol core under random messages: what it may never do, whatever it is told."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final as Fixed
from urllib.parse import urlencode

from bench.mutants import ODD_TEXTS, VECTORS
from scribewire.errors import CloseCode
from scribewire.events import Final, Partial, TranscriptEvent
from scribewire.grants import NO_LIMITS
from scribewire.protocol.dialects import read_request
from scribewire.protocol.dialogue import (
    MAX_REASON_BYTES,
    AudioEnded,
    Close,
    Dialogue,
    SessionAborted,
    SessionStarted,
)
from scribewire.protocol.policy import ServerPolicy

MESSAGES_OF_A_DIALOGUE = 40
MOST_FINDINGS = 20  # more say no more
PATHS: Fixed = ("/v2/realtime", "/realtime", "/v2/client/good-key", "/v2/client/-")
LETTERS: Fixed = string.printable + "é\u2028\x00\ud800😀"

POLICY: Fixed = ServerPolicy(
    languages=frozenset({"en", "nl"}),
    default_language="en",
    auto_languages=frozenset({"en", "nl"}),
    grant_of={"good-key": NO_LIMITS, "second-key": NO_LIMITS}.get,
    serves_streams=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreFinding:
    """Something that may not be."""

    seed: str
    """Of the dialogue in which it was."""
    what: str


class BrokenRuleError(Exception):
    """The core has said what it may not say."""


def fuzz_core(
    count: int, seed: int, findings: list[CoreFinding], *, policy: ServerPolicy = POLICY
) -> int:
    """Send at least so many messages to dialogue after dialogue; returns how many were sent."""
    texts = read_texts()
    sent = number = 0
    while sent < count and len(findings) < MOST_FINDINGS:
        number += 1
        name = f"{seed} {number}"
        talk = Talk(Random(name), texts, policy)
        try:
            talk.run()
        except Exception as mistake:  # noqa: BLE001 - any is a finding
            findings.append(CoreFinding(seed=name, what=f"{type(mistake).__name__}: {mistake}"))
        sent += talk.sent
    return sent


def read_texts() -> Sequence[str]:
    """Return every text that the clients of the recorded dialogues send, and some odd ones."""
    steps = [
        json.loads(line)
        for path in sorted(VECTORS.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()[1:]
    ]
    said = [step["text"] for step in steps if step["from"] == "client" and "text" in step]
    return sorted({*said, *ODD_TEXTS, '{"action":"start"}', '{"action":"stop"}'})


class Talk:
    """One dialogue with a client that says anything, and a shell that does as it must."""

    def __init__(self, random: Random, texts: Sequence[str], policy: ServerPolicy) -> None:
        self.sent = 0
        self._random = random
        self._texts = texts
        self._policy = policy
        self._now = 100.0
        self._has_started = False
        self._has_ended = False  # its audio
        self._is_closed = False

    def run(self) -> None:
        """Talk until it is over, or for long enough."""
        dialogue = self._begin()
        if dialogue is None:
            return
        self._settle(dialogue)
        for _ in range(MESSAGES_OF_A_DIALOGUE):
            self._step(dialogue)
            self._settle(dialogue)
            if dialogue.is_over and self._random.random() < 0.5:  # others go on to talk to it
                return

    def _begin(self) -> Dialogue | None:
        random = self._random
        query = {"token": "good-key"} if random.random() < 0.8 else {"token": self._noise(8)}
        for _ in range(random.choice([0, 0, 1, 3])):
            name = random.choice(["language", "type", "results", "url", "pace", self._noise(5)])
            query[name] = random.choice(["nl", "auto", "fast", "http://a/b", "", self._noise(12)])
        self.sent += 1
        opening = read_request(random.choice(PATHS), urlencode(query, errors="replace"), ())
        return None if opening is None else opening.begin(self._policy, "5e55", self._now)

    def _step(self, dialogue: Dialogue) -> None:
        """Let something happen: most often a message."""
        random = self._random
        match random.choices(range(5), weights=[12, 6, 2, 1, 0.2])[0]:
            case 0:
                self.sent += 1
                dialogue.receive_text(self._text())
            case 1:
                self.sent += 1
                dialogue.receive_bytes(random.randbytes(random.choice([0, 1, 3, 44, 640])))
            case 2 if self._has_started:
                dialogue.send_result(self._result())
            case 2 | 3:
                self._now += random.choice([0.1, 1, 20])
                dialogue.handle_timer(self._now)
            case _:
                dialogue.end_session(CloseCode.RESTART)

    def _settle(self, dialogue: Dialogue) -> None:
        """Do what a shell owes, and see that what was said may be said."""
        while (event := dialogue.next_event()) is not None:
            match event:
                case SessionStarted():
                    self._insist(not self._has_started, "a second session")
                    self._has_started = True
                    dialogue.send_listening()
                case AudioEnded():
                    self._insist(not self._has_ended, "audio that ends twice")
                    self._has_ended = True
                    dialogue.send_result(self._result())
                    dialogue.finish()
                case SessionAborted():
                    self._insist(self._has_started, "the end of a session that never began")
                case _:
                    self._insist(not self._has_ended, "audio behind its end")
        while (message := dialogue.next_outgoing()) is not None:
            self._insist(not self._is_closed, "a message behind the close")
            if isinstance(message, Close):
                self._is_closed = True
                self._insist(len(message.reason.encode()) <= MAX_REASON_BYTES, "a long reason")
            else:
                json.loads(message if isinstance(message, bytes) else message.encode())

    def _insist(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            raise BrokenRuleError(otherwise)

    def _text(self) -> str:
        """Return a message: as recorded, or with some letters of it changed, or noise."""
        random = self._random
        text = random.choice(self._texts)[:2_000]
        if random.random() < 0.3:
            return text
        for _ in range(random.randint(1, 3)):
            at = random.randint(0, len(text))
            cut = at + random.choice([0, 0, 1, 4])
            text = text[:at] + self._noise(random.choice([0, 1, 1, 3])) + text[cut:]
        return text

    def _noise(self, length: int) -> str:
        return "".join(self._random.choices(LETTERS, k=length))

    def _result(self) -> TranscriptEvent:
        kind = self._random.choice((Partial, Final))
        text = self._noise(self._random.choice([0, 5, 50])).replace("\ud800", "")
        if kind is Partial:
            return Partial(utterance=0, text=text, start_sample=0, end_sample=160)
        return Final(utterance=0, text=text, start_sample=0, end_sample=320, decided_sample=320)
