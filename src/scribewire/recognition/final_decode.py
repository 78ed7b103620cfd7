"""The decode that an utterance's final comes from: asked for, done again, accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.recognition.requests import DecodeRequest, Hypothesis


class FinalDecode:
    """The latest decode of all audio of one utterance. Nothing is asked for before it is known."""

    def __init__(self) -> None:
        self.request: DecodeRequest | None = None  # for the audio as it is known now
        self.hypothesis: Hypothesis | None = None  # the answer to it
        self.is_alone = False  # context led it astray, so it is done without
        self.is_accepted = False  # and `hypothesis` is what the final says

    def ask(self, request: DecodeRequest) -> None:
        """Say what has been asked for."""
        self.request = request

    def receive(self, request: DecodeRequest, found: Hypothesis) -> None:
        """Take the answer, unless the audio has changed since."""
        if self.request is not request:
            return
        # Text that goes before can make a decode lose its thread, or say that nothing follows.
        is_led = bool(request.prefix or request.prompt)
        if is_led and not (found.text and found.is_complete):
            self.is_alone = True
            self.request = None
        else:
            self.hypothesis = found

    def void(self) -> None:
        """Forget everything: the audio is another."""
        # With other audio, its context may not lead it astray; nobody knows who asked in time.
        self.is_alone = False
        self.request = self.hypothesis = None

    def accept(self, hypothesis: Hypothesis) -> None:
        """Say what the final says."""
        self.hypothesis, self.is_accepted = hypothesis, True
