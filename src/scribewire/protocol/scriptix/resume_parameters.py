"""How a request asks for a session that can be resumed, and for one to go on with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from scribewire.errors import ClientFault
from scribewire.protocol.quoting import shorten
from scribewire.protocol.resuming import ComeBack

RESUME: Final = "resume"
_SESSION, _EPOCH, _FINALS, _OLDEST = "session", "epoch", "finals", "oldest_byte"
NAMES: Final = (RESUME, _SESSION, _EPOCH, _FINALS, _OLDEST)

_FORMS: Final = {
    RESUME: (re.compile("true|false"), "`true` or `false`"),
    _SESSION: (re.compile("[0-9a-f]{32}"), "the `session_id` of `listening`"),
    _EPOCH: (re.compile("[0-9a-f]{8}"), "the `epoch` of `listening`"),
    _FINALS: (re.compile("[0-9]{1,9}"), "the `number` of the last final that you have"),
    _OLDEST: (re.compile("[0-9]{1,15}"), "the first byte of audio that you can still send"),
}
_OF_SESSION = (_EPOCH, _FINALS)


def read_resume(given: Mapping[str, str]) -> tuple[bool, ComeBack | None, ClientFault | None]:
    """Return whether it is to be resumable, which one is to go on, and what is wrong with that."""
    for name in NAMES:
        form, expected = _FORMS[name]
        if name in given and not form.fullmatch(given[name]):
            words = f"expected {expected}"
            message = f"{name} {shorten(given[name])}: {words}"
            return False, None, ClientFault(message, logged=f"{name}: {words}")
    if _SESSION not in given:
        return given.get(RESUME) == "true", None, None
    for name in _OF_SESSION:
        if name not in given:
            return False, None, ClientFault(f"{name} missing: expected {_FORMS[name][1]}")
    back = ComeBack(
        session_id=given[_SESSION],
        epoch=given[_EPOCH],
        finals=int(given[_FINALS]),
        oldest_byte=int(given.get(_OLDEST, "0")),
    )
    return True, back, None


def write_resume(resuming: bool | ComeBack, *, is_stream: bool) -> dict[str, str]:
    """Return the parameters that ask for this."""
    if not resuming:
        return {}
    if resuming is True:
        return {RESUME: "true"}
    given = {
        RESUME: "true",
        _SESSION: resuming.session_id,
        _EPOCH: resuming.epoch,
        _FINALS: str(resuming.finals),
    }
    return given if is_stream else given | {_OLDEST: str(resuming.oldest_byte)}
