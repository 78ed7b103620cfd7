"""What a client and the log are told of a mistake of ours."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scribewire.errors import ModelFault
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from scribewire.protocol.dialogue import Dialogue

_NOT_LOADED = "! its model cannot be loaded"
_NO_MODEL = (
    "the model of this session cannot be loaded: a fault of the server, whose log says why; "
    "connect again, or ask who runs it"
)
_OUR_FAULT = "recognition failed: a fault of the server, not of the audio; connect again"

_log = logging.getLogger("scribewire.session")


def fail_dialogue(dialogue: Dialogue, mistake: Exception, *, name: str) -> None:
    """End the dialogue for it, and log why; `name` is the session's."""
    if isinstance(mistake, ModelFault):  # the load has said why, once for all who wait
        _log.error(LogLine("model_missing", _NOT_LOADED, session=name))
        dialogue.fail(_NO_MODEL)
        return
    line = LogLine("session_failed", "! {error}", session=name, error=mistake)
    _log.error(line, exc_info=mistake)
    dialogue.fail(_OUR_FAULT)
