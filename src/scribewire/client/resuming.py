"""A session over as many connections as it takes: what is sent, what is lost, how it ended.

Theory of operation. There is a connection, or the time of the next attempt (`retry_at`), or the
session has ended. A connection that is *lost* is followed by another one of the same session. All
audio goes through one buffer, and is taken from it again where the server has not received it; so
it does not matter which of it was under way. Finals are numbered, so none is handed out twice.

A server that goes down is left at the end of an utterance: where another one can resume the session
its connection is lost on purpose; else it *moves* to another session by the same address, with the
audio from there on. Where there is no other server yet, it ends with its finals, and the next
attempt begins *anew* in the same way.

It does no I/O, and has no clock and no luck of its own. After each call: write `take_outgoing`,
then each `next_piece`, and have `watchers` told. When `is_given_up`, drop the connection without a
close, and tell of it as of one that broke.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from scribewire.client.continuity import Continuity
from scribewire.client.dialogue import ClientDialogue, Message
from scribewire.client.errors import ClientError, ClosedError
from scribewire.client.moving import Move, is_ended_by_server, may_be_ended_by_server
from scribewire.client.opening import Opening
from scribewire.client.outcome import Ending, why_not_resumed
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
        self.watchers = watchers or Watchers(None, None)
        """Who is told what happens; `tell` tells them."""
        self._attempts = ReconnectAttempts(policy or ResumePolicy(), chance)
        self._whole = Continuity(is_pushed=not opening.is_stream, is_kept=policy is not None)
        self._move = Move()
        self._connection = self._make_connection(now)
        self._resumed: ComeBack | None = None  # the session, once it is known and can be resumed
        self._session_id: str | None = None
        self._retry_at: float | None = None
        self._is_anew = False  # the next attempt begins another session
        self._is_stopping = False  # the user has no more audio
        self._has_left = False
        self._has_ended = False
        self._failure: ClientError | None = None  # if another one than the last connection's
        self._note_states()

    # What is known.

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
        return self._opening.url_for(self._whole.come_back(resumed))

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
        is_left = self._dialogue.ending.has_stopped and self._may_begin_anew
        return self._retry_at is not None or self._dialogue.is_open or is_left

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
        return self._can_write and (self._whole.audio.waiting_bytes > 0 or self._owes_stop)

    def is_crowded(self, *, is_attended: bool) -> bool:
        """Tell whether so much waits for a connection, attended or not, that its sender waits."""
        is_waiting = self.takes_audio and not self._can_write
        return is_waiting and self._whole.audio.is_crowded(is_attended=is_attended)

    # What to hand out, and to write.

    def next_message(self) -> Message | None:
        """Return the next message for the user, or None."""
        return self._whole.inbox.next_message()

    def take_outgoing(self) -> list[str | bytes | Close]:
        """Return what to write at once, in order; nothing follows a `Close`."""
        return self._dialogue.take_outgoing()

    def next_piece(self, now: float) -> str | bytes | Close | None:
        """Return the next of what waits to be written, the stop last, or None."""
        if not self._can_write:
            return None
        if piece := self._whole.audio.take():
            self._connection.silence.note_sent(now)
            self._dialogue.send_audio(piece)
            self._let_go()
        elif self._owes_stop:
            self._connection.has_said_stop = True
            self._dialogue.send_stop()
        return next(iter(self._dialogue.take_outgoing()), None)

    # What the user does.

    def add_audio(self, piece: bytes) -> bool:
        """Take a piece of audio; return False, and drop it, if nobody listens any more."""
        if self.takes_audio:
            self._whole.audio.add(piece)
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
        goes_on = self._can_come_back and is_loss(ending)
        if not goes_on and self._goes_on_anew(ending):
            self._resumed, self._is_anew, goes_on = None, True, True
        if goes_on:
            self._dialogue.take_states()  # it is no error yet
            self._retry(self._dialogue.failure or ClosedError(ending.code, ending.reason), now)
        elif ending.code == CloseCode.CANNOT_RESUME and self._resumed is not None:
            self._end(self._whole.lost(why_not_resumed(ending)))
        else:
            self._end()

    def note_unwritable(self, code: int | None) -> None:
        """Take note that nothing can be written any more; `receive_close` tells the rest."""
        self._connection.is_broken = True
        code = code or BROKEN
        is_loss = self._can_come_back and is_loss_code(code)
        if not (is_loss or (self._may_begin_anew and may_be_ended_by_server(code))):
            self._is_stopping = True  # nobody hears another word

    def handle_timer(self, now: float) -> None:
        """Take note of the time; calling early or often does no harm."""
        due = self.timer_at
        if due is None or now < due:
            return
        if self._can_come_back:
            self._connection.give_up_if_late(now)
        else:
            self._dialogue.handle_timer(now)
            self._follow(now)

    # How it moves, while the present connection goes on.

    def is_move_due(self, now: float) -> bool:
        """Tell whether to connect to `move_url` now."""
        is_able = self._may_begin_anew and self._can_write and not self._is_stopping
        return is_able and self._move.is_due(now)

    @property
    def move_url(self) -> str:
        """Where another session may begin."""
        return self._opening.url_for(resuming=True)

    @property
    def is_moving(self) -> bool:
        """Whether it is waited until the server at `move_url` is listening."""
        return self._move.is_under_way

    def begin_move(self, now: float) -> list[str | bytes]:
        """Take note of a connection to `move_url`, and return what to write on it."""
        return self._move.begin(self._make_connection(now))

    def receive_move(self, message: str | bytes, now: float) -> bool:
        """Take a message that has come over it; return whether it carries the session now."""
        following = self._move.receive(message, now)
        if following is None or self._has_left or self._has_ended or self._is_stopping:
            return False
        self._connection, self._retry_at = following, None
        self._resumed, self._is_anew = None, True
        self._follow(now)
        return True

    def fail_move(self, failure: Exception, now: float) -> None:
        """Take note that no other session begins now; the present one goes on."""
        self._move.fail(failure, now)

    # Private.

    @property
    def _dialogue(self) -> ClientDialogue:
        return self._connection.dialogue

    @property
    def _can_come_back(self) -> bool:
        is_known = self._resumed is not None or self._is_anew
        return self._policy is not None and is_known and not self._has_left

    @property
    def _may_begin_anew(self) -> bool:
        return self._move.is_told and self._whole.can_be_parted and not self._has_left

    def _goes_on_anew(self, ending: Ending) -> bool:
        """Tell whether another session has to go on with one that its server has ended."""
        is_owed = not self._is_stopping or self._whole.has_unheard(self._dialogue.received)
        return self._may_begin_anew and is_ended_by_server(ending, is_owed=is_owed)

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
            self._move.note(message)
            self._whole.receive(message)
        if not self._connection.is_listening and self._dialogue.session_id is not None:
            self._begin_to_send(now)
        if self._move.is_ready_to_resume and self._can_come_back:
            self._connection.give_up_unless_over()  # without a close, which would end the session
        self._let_go()

    def _begin_to_send(self, now: float) -> None:
        """Go on where the server is, now that it is listening on this connection."""
        self._connection.is_listening = True
        self._session_id = self._dialogue.session_id
        position = self._dialogue.position
        if position is None and self._resumed is not None:
            self._lose("the server does not keep sessions any more")
            return
        self._move = Move(is_told=self._dialogue.is_going_down)  # it has told that again
        if self._is_anew:
            self._is_anew = False
            self._whole.begin_anew()
        received_bytes = 0 if position is None else position.received_bytes
        if not self._whole.go_back_to(received_bytes):
            self._lose(f"the server needs audio from byte {received_bytes} on")
            return
        if position is not None:
            self._resumed = ComeBack(
                session_id=self._session_id or "", epoch=position.epoch, finals=position.finals
            )
        self._attempts.note_back(now)

    def _let_go(self) -> None:
        self._whole.let_go(self._dialogue.received if self._can_come_back else None)

    def _lose(self, why: str) -> None:
        self._failure = self._whole.lost(why)
        self._dialogue.send_close()

    def _retry(self, cause: ClientError, now: float) -> None:
        attempt = self._attempts.next_attempt(cause, now)
        if attempt is None:
            lost = self._whole.lost(f"no connection for too long ({cause})")
            lost.__cause__ = cause
            self._end(lost)
            return
        name = self._session_id or "-"
        _log.info("%s = attempt %d in %.1f s", name, attempt.attempt, attempt.delay_s)
        self._retry_at = now + attempt.delay_s
        self.watchers.show(ConnectionState.CONNECTING)
        self.watchers.note(attempt)

    def _end(self, failure: ClientError | None = None) -> None:
        self._has_ended = True
        self._failure = self._failure or failure
        if self._failure is not None:
            self.watchers.show(ConnectionState.ERROR)
        elif self._retry_at is not None:
            self.watchers.show(ConnectionState.DISCONNECTED)
        else:
            self.watchers.show(*self._dialogue.take_states(), self._dialogue.state)
        self._retry_at = None

    def _note_states(self) -> None:
        states = self._dialogue.take_states()
        is_attempt = self._can_come_back and not self._connection.is_listening
        # An attempt that fails is no error yet.
        self.watchers.show(*(s for s in states if not (is_attempt and s is ConnectionState.ERROR)))
