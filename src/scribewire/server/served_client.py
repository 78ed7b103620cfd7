"""One client from the accepted connection to its end: its place, its session, who carries it."""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars

from scribewire.errors import BusyFault, ClientFault
from scribewire.journal.entries import JournalFault
from scribewire.log_line import LogLine
from scribewire.origins import normalise_origin
from scribewire.protocol.resuming import cannot_resume
from scribewire.server.attachment import Attachment
from scribewire.server.cluster_membership import can_go_on_elsewhere
from scribewire.server.concurrency import loop_time
from scribewire.server.going_on import beginning_of, check_left
from scribewire.server.kept_sessions import KeptSession
from scribewire.server.key_watch import KeyWatch
from scribewire.server.readable import MOST_KEPT_FINALS, ReadableSession
from scribewire.server.rest.access import host_of_client
from scribewire.server.rest.cors import origin_of
from scribewire.server.session_beginning import FRESH
from scribewire.server.session_clock import SessionTimes
from scribewire.server.session_journal import SessionJournal, SessionJournals, head_of
from scribewire.server.session_opening import open_session
from scribewire.server.session_results import MAX_KEPT_FINALS
from scribewire.server.websocket_talk import SCOPE_KEY
from scribewire.sources.http.urls import host_of

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from scribewire.engines.protocols import SpeechEngine
    from scribewire.journal.reader import JournaledSession
    from scribewire.protocol.dialogue import OpeningRequest, SessionStarted
    from scribewire.protocol.resuming import ComeBack
    from scribewire.server.services import Services
    from scribewire.server.session import Session
    from scribewire.server.session_beginning import SessionBeginning
    from scribewire.server.websocket_talk import WebSocketTalk
    from scribewire.wishes import Wishes

_FULL = "x no place: {figures}"
_UNREAD = "what is kept of this session cannot be read now: try again later"

_session_log = logging.getLogger("scribewire.session")


class ServedClient:
    """Serve one client; `owned` takes what ends with its connection.

    `held` is the key that it has a place of.
    """

    def __init__(
        self,
        websocket: WebSocket,
        opening: OpeningRequest,
        services: Services,
        owned: AsyncExitStack,
        *,
        held: str | None,
    ) -> None:
        self._websocket = websocket
        self._opening = opening
        self._services = services
        self._owned = owned
        self._held = held
        back = opening.come_back
        self.name = secrets.token_hex(16) if back is None else back.session_id
        """Of its session, in the log and for who comes back to it."""
        self._kept: KeptSession | None = None  # if it can be resumed
        self._journaled: SessionJournals | None = None  # if it has begun here and is written down
        # Where another process has left it, if one has, with the key that may go on there.
        self._left: tuple[SessionBeginning, str] | None = None
        self._fault: ClientFault | BusyFault | None = (
            None  # why the one that was asked for cannot be
        )

    async def run(self) -> None:
        """Serve it until it is gone. A session that it may come back to is kept."""
        # Whatever is logged while it is served, by whomever, is of this session.
        self._owned.enter_context(bound_contextvars(session=self.name))
        _log_opening(self.name, self._opening)
        attachment = self._make_attachment()
        self._attachment = attachment
        self._services.attachments.add(attachment)
        self._services.draining.tell(attachment)  # it may have begun since the request was let in
        try:
            await self._take_back(attachment)
            await attachment.run()
        finally:
            self._services.attachments.discard(attachment)
            if self._kept is not None:
                await self._services.kept.release(self._kept, attachment)

    def _make_attachment(self) -> Attachment:
        services, back = self._services, self._opening.come_back
        watch = KeyWatch(
            services.policy,
            services.wrong_keys,
            host_of_client(self._websocket),
            note_refusal=services.observer.note_refusal,
        )
        return Attachment(
            self._websocket,
            self._opening.begin(watch.policy, self.name, loop_time()),
            self._find_session,
            name=self.name,
            finals_seen=None if back is None else back.finals,
            times=SessionTimes.of_settings(
                services.settings.max_session_ms, services.settings.idle_timeout_ms
            ),
            before_sending=partial(self._wait_before_sending, watch),
            prepare=None if services.keys.access.shared is None else self._share_place,
        )

    async def _wait_before_sending(self, watch: KeyWatch) -> None:
        if self._journaled is not None:  # where it can come back to is known to the next process
            await self._journaled.begun()
        await watch.before_sending()

    # The session.

    async def _take_back(self, attachment: Attachment) -> None:
        """Have the session that it wants to go on with; why that cannot be is told in time."""
        back, keys = self._opening.come_back, self._opening.keys
        if back is None:
            return
        grant = self._services.policy.grant_of(keys[0]) if keys else None
        try:
            if grant is None:
                raise cannot_resume("its key has to come with the request")
            await self._find_kept(back, grant.key_id, attachment)
        except (ClientFault, BusyFault) as fault:
            self._fault = fault

    async def _find_kept(self, back: ComeBack, key_id: str, attachment: Attachment) -> None:
        """Take a session that is kept here, or find out where another process has left it."""
        services, kept = self._services, self._services.kept
        if kept.is_known(back, {key_id}) and await self._has_lost(back.session_id):
            await kept.move_away(back.session_id, is_lost=True)
        if not services.journals or not kept.is_on or kept.is_known(back, {key_id}):
            self._kept = await kept.take(back, key_id, attachment)
            return
        try:
            recorded = await self._take_over(back, key_id)
        except JournalFault as fault:
            words = "! the journal cannot be read: {reason}"
            _session_log.warning(LogLine("journal_unread", words, reason=str(fault)))
            raise BusyFault(_UNREAD) from fault
        beginning = beginning_of(recorded, back, key_id, now_ms=int(time.time() * 1000))
        self._left = beginning, key_id

    async def _has_lost(self, session_id: str) -> bool:
        """Tell whether another server has gone on with a session that is known here."""
        shared = self._services.shared_journal
        return shared is not None and await shared.has_lost(session_id)

    async def _take_over(self, back: ComeBack, key_id: str) -> JournaledSession | None:
        for journal in self._services.journals:
            check = partial(check_left, key_id=key_id)
            recorded = await journal.take_over(back.session_id, check)
            if recorded is not None:
                return recorded
        return None

    def _find_session(self, started: SessionStarted) -> Session:
        if self._fault is not None:
            raise self._fault
        if self._kept is not None:
            self._admit(started)
            return self._go_on(started)
        beginning = self._beginning_for(started.grant.key_id)
        self._take_places(started)
        self._admit(started)
        if self._left is not None:
            self._note_resumed()
        return self._begin(started, beginning)

    def _beginning_for(self, key_id: str) -> SessionBeginning:
        if self._left is None:
            return FRESH
        beginning, may_go_on = self._left
        if key_id != may_go_on:
            raise cannot_resume()
        back = self._opening.come_back
        if back is not None and self._services.kept.is_known(back, {key_id}):
            raise BusyFault("another connection has just gone on with this session")
        return beginning

    def _take_places(self, started: SessionStarted) -> None:
        access, grant = self._services.keys.access, started.grant
        has_place = grant.key_id == self._held
        refusal = access.refusal(grant, has_place=has_place)
        if refusal is not None:
            raise refusal.fault
        if not has_place:
            self._owned.enter_context(access.take_place(grant))
        if not self._opening.keys:  # it came with a key only now, and has no place yet
            place = _take_place(self._services, started.wishes, self.name)
            self._owned.enter_context(place)

    async def _share_place(self, started: SessionStarted) -> None:
        """Count a key that has come only now on all servers. Raises ClientFault if it may not."""
        access, grant = self._services.keys.access, started.grant
        is_counted = grant.key_id == self._held or self._kept is not None
        if is_counted or self._fault is not None:
            return
        refusal = access.refusal(grant) or await access.share_place(grant, self._owned)
        if refusal is not None:
            raise refusal.fault

    def _admit(self, started: SessionStarted) -> None:
        origin = origin_of(self._websocket)
        # The key may have come only now.
        started.grant.check_origin(None if origin is None else normalise_origin(origin))
        self._services.tokens.use(started.grant)
        talk: WebSocketTalk | None = self._websocket.scope.get(SCOPE_KEY)
        if talk is not None:
            talk.begin_session()
        _log_client(self.name, self._websocket, started)

    def _begin(self, started: SessionStarted, beginning: SessionBeginning) -> Session:
        services, grant = self._services, started.grant
        use = services.keys.access.begin(grant, end=self._attachment.reject)
        session = open_session(self.name, started, services, use, beginning)
        is_resumable = self._opening.is_resumable and services.kept.is_on
        owned = AsyncExitStack() if is_resumable else self._owned
        if is_resumable:
            session.make_resumable(secrets.token_hex(4))
        self._let_read(session, grant.key_id, owned)
        self._journaled = self._journal(session, started)
        if self._journaled is not None:  # how it has ended is written once it is closed
            owned.callback(self._journaled.close)
        owned.callback(use.close)
        owned.push_async_callback(session.aclose)
        if is_resumable:
            self._kept = KeptSession(
                session=session,
                key_id=grant.key_id,
                most_of_key=grant.max_sessions,
                owned=owned,
                take_place=lambda: services.admission.session(
                    speech=speech_for(started.wishes, services)
                ),
                leave=None if self._journaled is None else self._journaled.leave,
                attachment=self._attachment,
            )
            use.end = self._kept.end  # else a kept session would keep its lost connection too
            services.kept.add(self._kept)
        return session

    def _let_read(self, session: Session, key_id: str, owned: AsyncExitStack) -> None:
        """Have it read along; those who do are told last how it has ended."""
        services, readable = self._services, self._services.readable
        most = MAX_KEPT_FINALS if session.position is not None else MOST_KEPT_FINALS
        may_go_on = bool(services.journals)
        one = ReadableSession(session, key_id, most_finals=most, may_go_on=may_go_on)
        readable.add(session.id, one)
        if services.cluster is not None:
            owned.callback(services.cluster.events.offer(session.id, key_id, one.told))
        owned.callback(one.close)
        owned.callback(readable.remove, session.id, one)

    def _journal(self, session: Session, started: SessionStarted) -> SessionJournals | None:
        """Have it written down wherever it is of use."""
        services, shared = self._services, self._services.shared_journal
        keepers = [one for one in services.journals if one is not shared or session.position]
        if not keepers:
            return None
        window_ms = services.settings.resume_window_ms
        head = head_of(session, self._opening, started, resume_window_ms=window_ms, now=time.time())
        journals = (
            SessionJournal(
                one,
                session,
                head,
                is_server_ending=services.draining.has_begun.is_set,
                on_lost=partial(services.kept.lose, session.id),
            )
            for one in keepers
        )
        if shared in keepers:
            session.goes_on_elsewhere = partial(can_go_on_elsewhere, services)
        return SessionJournals(session, tuple(journals))

    def _go_on(self, started: SessionStarted) -> Session:
        kept = self._kept
        assert kept is not None, "it was taken, or why it was not is known"
        if kept.key_id != started.grant.key_id or kept.attachment is not self._attachment:
            raise cannot_resume()
        self._note_resumed()
        return kept.session

    def _note_resumed(self) -> None:
        self._services.observer.note_resumed()
        _session_log.info(LogLine("resumed", "= its client has come back", session=self.name))


def speech_for(wishes: Wishes, services: Services) -> SpeechEngine:
    """Return the engine that serves these wishes."""
    try:
        wishes = services.policy.settle_languages(wishes)
    except ClientFault:  # the dialogue will say it
        return services.engines.speech_for(None, wishes.mode)
    return services.engines.speech_for(wishes.language, wishes.mode, wishes.languages)


def _take_place(services: Services, wishes: Wishes, name: str) -> AbstractContextManager[None]:
    """Count a session until the returned context is left, or raise `BusyFault`."""
    speech = speech_for(wishes, services)
    refusal = services.admission.refusal(services.scheduler.loads(), speech=speech)
    if refusal is not None:
        words, figures = _FULL, refusal.figures
        _session_log.info(LogLine("no_place", words, session=name, figures=figures))
        services.observer.note_refusal("too many sessions")
        raise BusyFault(refusal.message)
    return services.admission.session(speech=speech)


def _log_opening(session_id: str, opening: OpeningRequest) -> None:
    words, path, mode = "= open {path} {mode}", opening.path, opening.wishes.mode
    _session_log.info(LogLine("opened", words, session=session_id, path=path, mode=mode))
    if opening.unknown_parameters:
        # Not their names: a key may stand there by mistake.
        count = len(opening.unknown_parameters)
        words = "= ignored {count:d} parameters"
        _session_log.debug(LogLine("parameters_ignored", words, session=session_id, count=count))


def _log_client(session_id: str, websocket: WebSocket, started: SessionStarted) -> None:
    """Say whose session it is, and where its audio comes from: no key, no path, no query."""
    peer = websocket.client.host if websocket.client else "unknown"
    told = {"client": peer, "key": started.grant.key_id}
    if started.grant.token_id is not None:
        told["token"] = started.grant.token_id
    if started.wishes.url is not None:
        told["source"] = host_of(started.wishes.url)
    words = "= " + ", ".join(f"{name} {{{name}}}" for name in told)
    _session_log.info(LogLine("admitted", words, session=session_id, **told))
