"""What sessions that follow each other have in common: the audio, and what was heard of it."""

from __future__ import annotations

from scribewire.client.dialogue import Message
from scribewire.client.errors import SessionLostError
from scribewire.client.inbox import Inbox
from scribewire.client.joint import SessionJoint
from scribewire.client.replay import ReplayBuffer
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.messages import AudioAcknowledged


class Continuity:
    """All that the user has handed over and was told, and where in it the present session began.

    Positions that a server tells are of its session; all others are of the whole. `is_pushed`: the
    audio is the user's. `is_kept`: it is held for when it is needed again.
    """

    def __init__(self, *, is_pushed: bool, is_kept: bool) -> None:
        self._is_pushed, self._is_kept = is_pushed, is_kept
        self.audio = ReplayBuffer()
        """What was handed over."""
        self.inbox = Inbox()
        """What was told."""
        self._joint = SessionJoint()

    @property
    def can_be_parted(self) -> bool:
        """Whether another session can go on from the middle of the audio."""
        return self._is_pushed and self._is_kept and self.audio.format.is_plain

    def lost(self, why: str) -> SessionLostError:
        """Return what to raise where it ends here."""
        handed_over_ms = self.audio.format.ms_until(self.audio.end)
        if not self._is_pushed or handed_over_ms is None:
            return SessionLostError(why, None)
        return SessionLostError(why, max(0, handed_over_ms - self.inbox.last_final_ms))

    def receive(self, message: Message) -> None:
        """Take a message of the present session."""
        self.inbox.receive(self._joint.place(message))

    def come_back(self, known: ComeBack) -> ComeBack:
        """Return what to say of the present session to go on with it."""
        return ComeBack(
            session_id=known.session_id,
            epoch=known.epoch,
            finals=max(0, self.inbox.last_final - self._joint.final),
            oldest_byte=max(0, self.audio.start - self._joint.byte),
        )

    def go_back_to(self, received_bytes: int) -> bool:
        """Send again what the present session has not received; return False if it is not held."""
        return not self._is_pushed or self.audio.go_back_to(self._joint.byte + received_bytes)

    def let_go(self, received: AudioAcknowledged | None) -> None:
        """Let go of audio that nobody will ask for; None: the session cannot be resumed.

        Where another session could go on, all is kept that is in no final.
        """
        byte = self.audio.end
        if received is not None and self._is_kept:
            byte = self._joint.byte + received.replay_from_bytes
        if self.can_be_parted:
            byte = min(byte, self._unheard_from)
        self.audio.let_go(byte)

    def has_unheard(self, received: AudioAcknowledged) -> bool:
        """Tell whether there is audio that has not come to the present session, as far as known."""
        heard = max(self._joint.byte + received.received_bytes, self._unheard_from)
        return self.audio.end > heard

    def begin_anew(self) -> None:
        """Have another session begin where the last one has ended for the user."""
        # What was let go of before it had a final was minutes without a word.
        form = self.audio.format
        byte = form.whole_from(max(self._unheard_from, self.audio.start))
        ms = form.ms_until(byte) or 0
        self._joint = SessionJoint(byte=byte, ms=ms, final=self.inbox.last_final)

    @property
    def _unheard_from(self) -> int:
        """The first byte that is in no final."""
        return self.audio.format.byte_at(self.inbox.last_final_ms)
