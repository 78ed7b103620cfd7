"""A session over as many connections as it takes: what is sent, what is lost, how it ended.

Theory of operation. There is a connection, or the time of the next attempt (`retry_at`), or the
session has ended. A connection ends in one of two ways: it is *lost*, and another one goes on with
the session, or the session ends with it. All audio goes through one buffer, from which it is taken
again where the server says that it has not come; so it does not matter which of it was under way.
Finals are numbered: one that came before is not handed out again.

It does no I/O, and has no clock and no luck of its own. After each call that changes something:
write what `take_outgoing` returns, then `next_piece` until it is None, and call `tell`. When
`is_given_up`, drop the connection without a close, and tell of it as of one that broke.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from scribewire.client.dialogue import ClientDialogue, Message
from scribewire.client.errors import ClientError, ClosedError, SessionLostError
from scribewire.client.inbox import Inbox
from scribewire.client.opening import Opening
from scribewire.client.replay import ReplayBuffer
from scribewire.client.retry import (
    ReconnectAttempts,
    ResumePolicy,
    is_loss,
    is_loss_code,
    is_passing,
)
from scribewire.client.session_connection import SessionConnection
from scribewire.client.watchers import Watchers
from scribewire.errors import BROKEN, CloseCode
from scribewire.protocol.dialogue import Close
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.states import ConnectionState

# How much audio waits for a connection before its sender does. As long as somebody receives, and so
# connects again, 5 MB: longer than attempts are made, so that who speaks is not kept waiting. Where
# nobody does, 10 s of it: then the sender has to.
_MOST_WAITING_BYTES: Final = 5_000_000
_MOST_UNATTENDED_BYTES: Final = 320_000

_log = logging.getLogger("scribewire.client")


class ClientSession:
    """What a client says and is told, whatever connection carries it."""

    def __init__(
        self,
        opening: Opening,
        *,
        now: float,
        policy: ResumePolicy | None,
        chance: Callable[[], float],
        watchers: Watchers | None = None,
    ) -> None:
        self._opening = opening
        self._policy = policy  # None: it ends with its connection
        self._chance = chance  # where in the jitter a delay lies, from 0 to 1
        self.watchers = watchers or Watchers(None, None)
        """Who is told what happens; `tell` tells them."""
        self._attempts = ReconnectAttempts(policy or ResumePolicy())
        self._audio = ReplayBuffer()
        self._inbox = Inbox()
        self._connection = self._make_connection(now)
        self._resumed: ComeBack | None = None  # the session, once it is known and can be resumed
        self._session_id: str | None = None
        self._state = ConnectionState.DISCONNECTED  # as noted last
        self._retry_at: float | None = None
        self._is_stopping = False  # the user has no more audio
        self._has_left = False
        self._has_ended = False
        self._failure: ClientError | None = None  # if another one than the last connection's
        self._note_states()

    # What is known.

    @property
    def state(self) -> ConnectionState:
        """What to show of this session."""
        return self._state

    @property
    def session_id(self) -> str | None:
        """Its name in the server's log; None until the server is listening."""
        return self._session_id

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can be received, not on another connection either."""
        return self._has_ended

    @property
    def retry_at(self) -> float | None:
        """When to connect to `url`, on the clock of `now`; None while there is a connection."""
        return self._retry_at

    @property
    def url(self) -> str:
        """Where to connect to next."""
        resumed = self._resumed
        if self._policy is None or resumed is None:
            return self._opening.url_for(self._policy is not None)
        return self._opening.url_for(
            ComeBack(
                session_id=resumed.session_id,
                epoch=resumed.epoch,
                finals=self._inbox.last_final,
                oldest_byte=self._audio.start,
            )
        )

    @property
    def timer_at(self) -> float | None:
        """When to call `handle_timer`, on the clock of `now`; None for never."""
        connection = self._connection
        if connection.is_given_up or self._retry_at is not None or self._has_ended:
            return None
        return connection.look_at if self._can_come_back else connection.dialogue.timer_at

    @property
    def is_given_up(self) -> bool:
        """Whether this connection is to be dropped without a close, so that the session stays."""
        return self._connection.is_given_up

    @property
    def takes_audio(self) -> bool:
        """Whether audio that is handed over now will be heard, or may be."""
        if self._is_stopping or self._has_left or self._has_ended:
            return False
        return self._retry_at is not None or self._dialogue.is_open

    @property
    def failure(self) -> ClientError | None:
        """What to raise when it has ended and every message was taken; None if all is well."""
        if self._failure is not None:
            return self._failure
        return None if self._has_left else self._dialogue.failure

    def check_opening(self) -> None:
        """Raise what kept the server from listening, if it has ended already."""
        if self._has_ended:
            ending = self._dialogue.ending
            raise self.failure or ClosedError(ending.code, ending.reason)

    def check_pushing(self) -> None:
        """Raise `StreamModeError` if it is the server that brings the audio."""
        self._dialogue.check_pushing()

    @property
    def has_waiting(self) -> bool:
        """Whether `next_piece` would return something."""
        return self._can_write and (self._audio.waiting_bytes > 0 or self._owes_stop)

    def is_crowded(self, *, is_attended: bool) -> bool:
        """Tell whether so much waits for a connection that its sender has to wait too.

        `is_attended`: somebody receives, and so connects again.
        """
        most = _MOST_WAITING_BYTES if is_attended else _MOST_UNATTENDED_BYTES
        return self.takes_audio and not self._can_write and self._audio.waiting_bytes > most

    # What to hand out, and to write.

    def next_message(self) -> Message | None:
        """Return the next message for the user, or None."""
        return self._inbox.next_message()

    def tell(self) -> None:
        """Tell those who watch, who may call the client: hold no lock."""
        self.watchers.tell()

    def take_outgoing(self) -> list[str | bytes | Close]:
        """Return what to write at once, in order; nothing follows a `Close`."""
        return self._dialogue.take_outgoing()

    def next_piece(self, now: float) -> str | bytes | Close | None:
        """Return the next of what waits to be written, the stop last, or None."""
        if not self._can_write:
            return None
        if piece := self._audio.take():
            self._connection.silence.note_sent(now)
            self._dialogue.send_audio(piece)
            if not self._can_come_back:
                self._audio.let_go(self._audio.end)
        elif self._owes_stop:
            self._connection.has_said_stop = True
            self._dialogue.send_stop()
        return next(iter(self._dialogue.take_outgoing()), None)

    # What the user does.

    def add_audio(self, piece: bytes) -> bool:
        """Take a piece of audio; return False, and drop it, if nobody listens any more."""
        if self.takes_audio:
            self._audio.add(piece)
            return True
        return False

    def stop(self) -> None:
        """Ask for the remaining finals once all audio is written; again it does nothing."""
        self._is_stopping = True
        self._dialogue.note_asked()

    def leave(self) -> None:
        """End because the user wants to, without waiting for anything."""
        if self._has_ended:
            return
        self._has_left = True
        self._dialogue.send_close()
        if self._retry_at is not None:
            self._end()

    # What happened to connections.

    def begin_connection(self, now: float) -> None:
        """Take note of a connection to `url`: the first one, or one after a loss."""
        if self._retry_at is not None:
            self._retry_at = None
            self._connection = self._make_connection(now)
            if self._is_stopping:
                self._dialogue.note_asked()
        self._dialogue.send_start()

    def fail_attempt(self, failure: ClientError, now: float) -> None:
        """Take note that there is no connection to `url`."""
        if self._has_ended or self._retry_at is None:
            return
        if is_passing(failure):
            self._retry(failure, now)
        else:
            self._end(failure)

    def fail_opening(self) -> None:
        """Take note that there is no first connection."""
        self._dialogue.receive_close(None, None)
        self._end()

    def receive(self, message: str | bytes, now: float) -> None:
        """Take a message of the server."""
        self._connection.silence.note_heard(now)
        self._dialogue.receive(message, now)
        self._follow(now)

    def receive_close(self, code: int | None, reason: str | None, now: float) -> None:
        """Take note that the connection is gone."""
        if self._has_ended or self._retry_at is not None:
            return
        self._dialogue.receive_close(code, reason)
        ending = self._dialogue.ending
        if self._can_come_back and is_loss(ending):
            self._dialogue.take_states()  # it is no error yet
            self._retry(self._dialogue.failure or ClosedError(BROKEN, ""), now)
        elif ending.code == CloseCode.CANNOT_RESUME and self._resumed is not None:
            self._end(self._lost(_cause_of(ending.error)))
        else:
            self._end()

    def note_unwritable(self, code: int | None) -> None:
        """Take note that nothing can be written any more; `receive_close` tells the rest."""
        self._connection.is_broken = True
        if not (self._can_come_back and is_loss_code(code or BROKEN)):
            self._is_stopping = True  # nobody hears another word

    def handle_timer(self, now: float) -> None:
        """Take note of the time; calling early or often does no harm."""
        due = self.timer_at
        if due is None or now < due:
            return
        if self._can_come_back:
            self._connection.give_up_if_late(now)  # without a close, which would end the session
        else:
            self._dialogue.handle_timer(now)
            self._follow(now)

    # Private.

    @property
    def _dialogue(self) -> ClientDialogue:
        return self._connection.dialogue

    @property
    def _can_come_back(self) -> bool:
        return self._policy is not None and self._resumed is not None and not self._has_left

    @property
    def _can_write(self) -> bool:
        is_there = self._retry_at is None and not self._has_ended
        return is_there and self._connection.is_writable

    @property
    def _owes_stop(self) -> bool:
        return self._is_stopping and not self._connection.has_said_stop

    def _make_connection(self, now: float) -> SessionConnection:
        silence_s = (self._policy or ResumePolicy()).silence_s
        return SessionConnection(self._opening, silence_s=silence_s, now=now)

    def _follow(self, now: float) -> None:
        self._note_states()
        while (message := self._dialogue.next_message()) is not None:
            self._inbox.receive(message)
        if not self._connection.is_listening and self._dialogue.session_id is not None:
            self._begin_to_send(now)
        self._audio.let_go(self._dialogue.replay_from_bytes)

    def _begin_to_send(self, now: float) -> None:
        """Go on where the server is, now that it is listening on this connection."""
        self._connection.is_listening = True
        self._session_id = self._dialogue.session_id
        position = self._dialogue.position
        if self._policy is None or position is None:
            if self._resumed is not None:
                self._lose("the server does not keep sessions any more")
            return
        if not self._opening.is_stream and not self._audio.go_back_to(position.received_bytes):
            self._lose(f"the server needs audio from byte {position.received_bytes} on")
            return
        self._resumed = ComeBack(
            session_id=self._session_id or "", epoch=position.epoch, finals=position.finals
        )
        self._attempts.note_back(now)

    def _lose(self, why: str) -> None:
        self._failure = self._lost(why)
        self._dialogue.send_close()

    def _lost(self, why: str) -> SessionLostError:
        if self._opening.is_stream:
            return SessionLostError(why, None)
        handed_over_ms = self._audio.ms_until(self._audio.end)
        return SessionLostError(why, max(0, handed_over_ms - self._inbox.last_final_ms))

    def _retry(self, cause: ClientError, now: float) -> None:
        attempt = self._attempts.next_attempt(cause, now=now, chance=self._chance())
        if attempt is None:
            lost = self._lost(f"no connection for too long ({cause})")
            lost.__cause__ = cause
            self._end(lost)
            return
        _log.info("%s = attempt %d in %.1f s", self._name, attempt.attempt, attempt.delay_s)
        self._retry_at = now + attempt.delay_s
        self._show(ConnectionState.CONNECTING)
        self.watchers.note(attempt)

    def _end(self, failure: ClientError | None = None) -> None:
        self._has_ended = True
        self._failure = self._failure or failure
        if self._failure is not None:
            self._show(ConnectionState.ERROR)
        elif self._retry_at is not None:
            self._show(ConnectionState.DISCONNECTED)
        else:
            self._note_states()
        self._retry_at = None

    def _note_states(self) -> None:
        for state in self._dialogue.take_states():
            self._show(state)

    def _show(self, state: ConnectionState) -> None:
        if state is not self._state:
            self._state = state
            self.watchers.note(state)

    @property
    def _name(self) -> str:
        return self._session_id or "-"


def _cause_of(error: str | None) -> str:
    """Return why a server could not go on, without what a client should do then: it cannot."""
    words = error or "the server does not know it any more"
    return words.partition(";")[0].removeprefix("cannot be resumed: ")
