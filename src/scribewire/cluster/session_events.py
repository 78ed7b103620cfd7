"""What is told of a session, for readers at other servers than the one that carries it.

Theory of operation. Who carries a session answers, on a subject of its own, who asks what has been
told since a final. For a while after each question it also publishes what is told from then on, and
nothing before: where nobody reads, nothing is sent. Who reads asks again every few seconds, and at
once where a number is missing: so a message that is lost costs a moment and no final. Where nobody
answers any more the reading is left, and whoever reads looks elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nats.errors import NoRespondersError

from scribewire.cluster.connection import CALL_PATIENCE_S, ClusterFault, translated
from scribewire.cluster.session_stream import is_name
from scribewire.events import Partial
from scribewire.journal.entries import JournalFault
from scribewire.journal.rows import read_final, write_final
from scribewire.runtime.told import (
    FinalsMissed,
    FinalTold,
    PartialTold,
    TellingEnded,
    TellingLeft,
    ToldEvents,
)

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from scribewire.cluster.connection import ClusterConnection
    from scribewire.runtime.told import ToldEvent, ToldReader

ASK_EVERY_S: Final = 2.0
"""How soon it is known that a message was lost, or that nobody carries the session any more."""

INTEREST_S: Final = 7.0
"""For how long after a question is published what is told."""

MOST_FINALS: Final = 512
"""That are kept of a session that is read, as where it is carried."""

_MOST_ANSWER_BYTES = 262_144  # a fourth of what NATS takes in one message
_ASKED = "scribewire.readers."
_TOLD = "scribewire.events."
_LAST_PATIENCE_S = 1.0
_MOST_FAILURES = 3  # questions in a row without an answer: it is carried no more


@dataclass(slots=True)
class RemoteSession:
    """A session that another server carries, as readers here see it."""

    key_id: str
    """Whose it is."""
    told: ToldEvents = field(default_factory=lambda: ToldEvents(MOST_FINALS))
    readers: int = 0
    with_partials: int = 0
    """How many of them want partials."""
    is_behind: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where it has to be asked at once."""
    is_known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once what had been told before has come, or will not come."""


class SessionEvents:
    """What servers tell each other of sessions. For the event loop's thread."""

    def __init__(
        self,
        connection: ClusterConnection,
        *,
        ask_every_s: float = ASK_EVERY_S,
        interest_s: float = INTEREST_S,
    ) -> None:
        self._connection = connection
        self._ask_every_s, self._interest_s = ask_every_s, interest_s
        self._reading: dict[str, RemoteSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, session_id: str, key_id: str, told: ToldEvents) -> Callable[[], None]:
        """Let others read a session that is carried here, until what is returned is called."""
        offering = asyncio.create_task(
            _Offer(
                self._connection, session_id, key_id, told, interest_s=self._interest_s
            ).answer_for_ever()
        )
        self._tasks.add(offering)
        offering.add_done_callback(self._tasks.discard)

        def end() -> None:
            offering.cancel()

        return end

    async def owner_of(self, session_id: str) -> str | None:
        """Return whose session it is that another server carries; None: none does.

        Raises ClusterFault where that cannot be found out now.
        """
        if not is_name(session_id):  # else clients could say what they like to NATS
            return None
        answer = await self._ask(session_id, {"after": None})
        return None if answer is None else str(answer["key"])

    @contextlib.asynccontextmanager
    async def reading(
        self, session_id: str, *, with_partials: bool
    ) -> AsyncIterator[ToldEvents | None]:
        """Read a session that another server carries; None: none does, as far as is known."""
        one = self._reading.get(session_id)
        if one is None or one.told.is_left:
            one = await self._begin(session_id)
        if one is None:
            yield None
            return
        one.readers += 1
        one.with_partials += with_partials
        if with_partials:
            one.is_behind.set()  # so that they are published soon
        try:
            await one.is_known.wait()
            yield one.told
        finally:
            one.readers -= 1
            one.with_partials -= with_partials
            if not one.readers:
                one.told.leave()
                one.is_behind.set()

    async def _begin(self, session_id: str) -> RemoteSession | None:
        with contextlib.suppress(ClusterFault):
            key_id = await self.owner_of(session_id)
            if key_id is not None:
                one = self._reading[session_id] = RemoteSession(key_id)
                following = asyncio.create_task(self._follow(session_id, one))
                self._tasks.add(following)
                following.add_done_callback(self._tasks.discard)
                return one
        return None

    async def _follow(self, session_id: str, one: RemoteSession) -> None:
        """Keep what is known of it true until nobody reads it, or nobody carries it."""

        async def receive(message: Msg) -> None:
            _take(one, _read(message.data))

        subscription = None
        try:
            with contextlib.suppress(ClusterFault), translated():
                subscription = await self._connection.nats.subscribe(_TOLD + session_id, cb=receive)
                await self._ask_again_and_again(session_id, one)
        finally:
            one.told.leave()
            one.is_known.set()
            if self._reading.get(session_id) is one:
                del self._reading[session_id]
            if subscription is not None:
                with contextlib.suppress(ClusterFault), translated():
                    await subscription.unsubscribe()

    async def _ask_again_and_again(self, session_id: str, one: RemoteSession) -> None:
        failures = 0
        while not one.told.is_left and one.told.outcome is None and failures < _MOST_FAILURES:
            one.is_behind.clear()
            known = one.told.last
            failures = 0 if await self._ask_once(session_id, one) else failures + 1
            if one.is_behind.is_set() and one.told.last > known:
                continue  # there is more
            if not failures:
                one.is_known.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._ask_every_s / (failures + 1)):
                    await one.is_behind.wait()

    async def _ask_once(self, session_id: str, one: RemoteSession) -> bool:
        """Learn what has been told; return whether there was an answer."""
        asked = {"after": one.told.last, "partials": one.with_partials > 0}
        try:
            answer = await self._ask(session_id, asked)
        except ClusterFault:
            return False
        if answer is None:
            return False
        one.told.miss(int(answer.get("first", 1)) - 1)  # those are not kept there any more
        _take(one, answer)
        return True

    async def _ask(self, session_id: str, asked: Mapping[str, object]) -> dict[str, Any] | None:
        """Return what who carries a session says of it; None: nobody does."""
        try:
            with translated():
                answer = await self._connection.nats.request(
                    _ASKED + session_id, json.dumps(asked).encode(), timeout=CALL_PATIENCE_S
                )
        except ClusterFault as fault:
            if isinstance(fault.__cause__, NoRespondersError):
                return None
            raise
        return _read(answer.data)


class _Offer:
    """A session that is carried here, for those who ask about it."""

    def __init__(
        self,
        connection: ClusterConnection,
        session_id: str,
        key_id: str,
        told: ToldEvents,
        *,
        interest_s: float,
    ) -> None:
        self._connection, self._told, self._interest_s = connection, told, interest_s
        self._session_id, self._key_id = session_id, key_id
        self._now = asyncio.get_running_loop().time
        self._until = 0.0  # for so long somebody reads it
        self._partials_until = 0.0
        self._publishing: asyncio.Task[None] | None = None

    async def answer_for_ever(self) -> None:
        """Answer until it is cancelled. Where NATS is away that begins once it is there."""
        subscription = await self._subscribe()
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(ClusterFault), translated():
                await subscription.unsubscribe()
            if self._publishing is not None:  # it may have the end to tell
                await asyncio.wait((self._publishing,), timeout=_LAST_PATIENCE_S)
                self._publishing.cancel()

    async def _subscribe(self) -> Subscription:
        while True:
            with contextlib.suppress(ClusterFault), translated():
                if await self._connection.wait_up(CALL_PATIENCE_S):
                    subject = _ASKED + self._session_id
                    return await self._connection.nats.subscribe(subject, cb=self._answer)

    async def _answer(self, message: Msg) -> None:
        asked = _read(message.data)
        after = asked.get("after")
        answer: dict[str, object] = {"key": self._key_id}
        if isinstance(after, int):
            self._until = self._now() + self._interest_s
            if asked.get("partials") is True:
                self._partials_until = self._until
            answer |= self._since(after)
            self._begin_publishing()
        with contextlib.suppress(ClusterFault), translated():
            await message.respond(_write(answer))

    def _since(self, after: int) -> dict[str, object]:
        """Return what has been told since a final, or as much of it as fits."""
        told, finals, size = self._told, list[list[object]](), 0
        first = max(after + 1, told.first_kept)
        for number in range(first, told.last + 1):
            written = write_final(told.final_of(number)).decode("utf-8", "surrogatepass")
            size += len(written)
            finals.append([number, written])
            if size >= _MOST_ANSWER_BYTES:
                break
        return {"first": first, "finals": finals, "last": told.last, "end": told.outcome}

    def _begin_publishing(self) -> None:
        if self._publishing is None or self._publishing.done():
            self._publishing = asyncio.create_task(self._publish())

    async def _publish(self) -> None:
        """Publish what is told from now on for as long as somebody reads it."""
        with self._told.read(self._told.last, with_partials=True) as reader:
            while self._now() < self._until:
                event = reader.next_event()
                if event is None:
                    await self._wait(reader)
                else:
                    await self._publish_one(event)
                if isinstance(event, TellingEnded | TellingLeft):
                    return

    async def _publish_one(self, event: ToldEvent) -> None:
        written = self._written(event)
        if written is not None:
            with contextlib.suppress(ClusterFault), translated():
                await self._connection.nats.publish(_TOLD + self._session_id, _write(written))

    async def _wait(self, reader: ToldReader) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interest_s):
                await reader.has_news.wait()

    def _written(self, event: ToldEvent) -> dict[str, object] | None:
        match event:
            case FinalTold(number, final):
                text = write_final(final).decode("utf-8", "surrogatepass")
                return {"finals": [[number, text]], "last": number}
            case PartialTold(partial) if self._now() < self._partials_until:
                return {"partial": _partial_fields(partial)}
            case FinalsMissed(_, last):
                return {"finals": [], "last": last}
            case TellingEnded(outcome):
                return {"finals": [], "last": self._told.last, "end": outcome}
            case TellingLeft():
                return {"finals": [], "last": self._told.last, "left": True}
            case _:
                return None


def _take(one: RemoteSession, said: dict[str, Any]) -> None:
    """Take what was told; what is missing before it is asked for."""
    if isinstance(partial := said.get("partial"), dict):
        with contextlib.suppress(TypeError):
            one.told.tell(Partial(**partial))
        return
    for number, written in said.get("finals", ()):
        if number == one.told.last + 1:
            _take_final(one, number, written.encode("utf-8", "surrogatepass"))
    if said.get("left") is True:
        one.told.leave()
    if one.told.last < int(said.get("last", 0)):
        one.is_behind.set()
    elif isinstance(outcome := said.get("end"), str):
        one.told.end(outcome)


def _take_final(one: RemoteSession, number: int, written: bytes) -> None:
    try:
        one.told.tell(read_final(written))
    except JournalFault:  # of a later version
        one.told.miss(number)


def _partial_fields(partial: Partial) -> dict[str, object]:
    return {
        "utterance": partial.utterance,
        "text": partial.text,
        "start_sample": partial.start_sample,
        "end_sample": partial.end_sample,
        "stability": partial.stability,
    }


def _write(said: dict[str, object]) -> bytes:
    return json.dumps(said).encode()


def _read(written: bytes) -> dict[str, Any]:  # what servers of ours have written
    with contextlib.suppress(ValueError):
        said = json.loads(written)
        if isinstance(said, dict):
            return said
    return {}
