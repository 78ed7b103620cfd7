"""The engine process's side: serves several servers from one pool of calls.

Theory of operation. Each server has a connection and a thread that reads it; what it asks waits in
the pool, where servers take turns and calls of all of them share batches (batch_pool.py). Runners
take batches and send the answers. A server may have `credit` calls here, and a call so many bytes,
so what is held is bounded; who asks for more is cut off. When a server goes, its calls go with it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from scribewire import __version__
from scribewire.engines.on_demand import load_engine, may_batch
from scribewire.engines.served import name_of
from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.recognition.requests import DecodeRequest, StreamRequest, is_for_partial
from scribewire.runtime.batch_pool import BatchPool, Waiting
from scribewire.runtime.batch_runners import BatchRunners
from scribewire.runtime.batches import MAX_BATCH
from scribewire.runtime.load import WINDOW_S
from scribewire.runtime.parcel import pack
from scribewire.runtime.rate import Rate
from scribewire.runtime.shared_engine.frames import (
    Answered,
    Frame,
    FrameKind,
    pack_told,
    pack_words,
    read_request,
    unpack_ask,
    unpack_told,
)
from scribewire.runtime.shared_engine.offer import Offer, check_version, describe_models
from scribewire.runtime.shared_engine.wire import Wire
from scribewire.runtime.threads import MAX_CALL_S

if TYPE_CHECKING:
    import socket

    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.requests import Request
    from scribewire.runtime.workers import Outcome

MAX_SERVERS: Final = 64  # of one machine; each is a thread
HELLO_PATIENCE_S: Final = 5.0
_AHEAD: Final = 1  # calls beyond those that run: the next is here when one ends

_log = logging.getLogger("scribewire.engines")


class _Asked(NamedTuple):
    server: _Server
    number: int
    is_partial: bool


class EngineHost:
    """Serve engines at a listening socket, until it is closed.

    `count` batches run side by side, by default of one call each unless an engine takes more; a
    call waits `window_s` for others. `voices` names what tells voices apart.
    """

    def __init__(
        self,
        engines: Engines,
        listening: socket.socket,
        *,
        count: int,
        window_s: float = 0.0,
        voices: str | None = None,
        max_call_s: float = MAX_CALL_S,
    ) -> None:
        self._engines = engines
        self._listening = listening
        self._speech = {name_of(engine): engine for engine in engines.table.serving}
        most = MAX_BATCH if any(map(may_batch, self._speech.values())) else 1
        self.offer = Offer(
            version=__version__,
            capacity=count,
            credit=count * most + _AHEAD,
            models=describe_models(self._speech.values()),
            voices=voices if engines.voices is not None else None,
        )
        self._lock = threading.Lock()  # guards the servers and what they take
        self._loading = threading.Lock()  # one load at a time
        self._servers: set[_Server] = set()
        self._busy = Rate(WINDOW_S)
        self._runners = BatchRunners[_Asked](
            engines,
            BatchPool[_Asked](window_s=window_s, most=most),
            self,
            name="shared",
            count=count,
            max_call_s=max_call_s,
        )
        self._is_closed = threading.Event()

    def start(self) -> None:
        """Serve from now on, on threads."""
        self._runners.start()
        threading.Thread(target=self._accept, name="engine-accept", daemon=True).start()

    def close(self, patience_s: float = 5.0) -> None:
        """Let the calls that run end, and cut all servers off."""
        self._is_closed.set()
        self._runners.stop()
        self._runners.join(patience_s)
        with contextlib.suppress(OSError):
            self._listening.shutdown(2)  # wakes who accepts
        self._listening.close()
        with self._lock:
            servers = list(self._servers)
        for server in servers:
            server.wire.shut()

    @property
    def servers(self) -> int:
        """How many are connected."""
        with self._lock:
            return len(self._servers)

    @property
    def waiting_calls(self) -> int:
        """How many calls of all servers have not begun."""
        return self._runners.waiting

    def refill(self, _pool: BatchPool[_Asked]) -> float | None:
        """Return None: servers put their calls there."""

    def receive(self, item: _Asked, outcome: Outcome, busy_s: float) -> None:
        """Send what became of a call to who asked."""
        now = time.monotonic()
        required_s = 0.0 if item.is_partial else busy_s  # of partials there are as many as fit
        with self._lock:
            self._busy.add(required_s, now)
            item.server.busy.add(required_s, now)
            others = max(self._busy.at(now) - item.server.busy.at(now), 0.0) / self.offer.capacity
        if isinstance(outcome, Exception):
            item.server.answer(item.number, FrameKind.FAULT, pack_words(outcome))
            return
        body = Answered(busy_s, min(others, 1.0), pack(outcome)).pack()
        item.server.answer(item.number, FrameKind.ANSWER, body)

    def give_up(self, item: _Asked, fault: ServerFault) -> None:
        """Tell who asked that its call hangs."""
        item.server.answer(item.number, FrameKind.FAULT, pack_words(fault))

    def _accept(self) -> None:
        while not self._is_closed.is_set():
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            server = _Server(Wire(connected), self.offer.credit + 1)
            with self._lock:
                is_room = len(self._servers) < MAX_SERVERS
                if is_room:
                    self._servers.add(server)
            if not is_room:
                server.wire.close()
                continue
            threading.Thread(
                target=self._serve, args=(server,), name="engine-server", daemon=True
            ).start()

    def _serve(self, server: _Server) -> None:
        try:
            self._greet(server)
            _log.info(LogLine("server_came", "= a server has come: {count}", count=self.servers))
            while (frame := server.wire.receive()) is not None:
                self._take(server, frame)
        except (ServerFault, OSError) as fault:
            _log.warning(LogLine("server_cut", "! a server is cut off: {reason}", reason=fault))
        finally:
            self._runners.drop(server)
            with self._lock:
                self._servers.discard(server)
            server.wire.close()
            _log.info(LogLine("server_went", "= a server has gone: {count}", count=self.servers))

    def _greet(self, server: _Server) -> None:
        server.wire.send(Frame(FrameKind.HELLO, 0, pack_told(self.offer.told())))
        hello = server.wire.receive_within(HELLO_PATIENCE_S)
        if hello is None or hello.kind is not FrameKind.HELLO:
            raise ServerFault("it does not say who it is")
        check_version(unpack_told(hello.body), "the server")

    def _take(self, server: _Server, frame: Frame) -> None:
        if frame.kind is FrameKind.LOAD:
            name = frame.body.decode(errors="replace")
            threading.Thread(
                target=self._load, args=(server, frame.number, name), daemon=True
            ).start()
            return
        if frame.kind is not FrameKind.ASK:
            raise ServerFault(f"it says {frame.kind.name}: expected a call")
        if not server.take_credit():
            raise ServerFault(f"it has more than {self.offer.credit} and one calls here")
        try:
            waiting = self._read(server, frame)
        except ServerFault as fault:
            server.answer(frame.number, FrameKind.FAULT, pack_words(fault))
            return
        self._runners.put(waiting)

    def _read(self, server: _Server, frame: Frame) -> Waiting[_Asked]:
        asked = unpack_ask(frame.body)
        request = read_request(asked.parcel)
        speech = self._engine_for(asked.name, request)
        return Waiting(
            item=_Asked(server, frame.number, is_for_partial(request)),
            owner=server,
            request=request,
            speech=speech,
            is_ahead=asked.is_ahead,
            key=self._engines.batch_key(request, speech),
            since=time.monotonic(),
        )

    def _engine_for(self, name: str, request: Request) -> SpeechEngine:
        if isinstance(request, DecodeRequest | StreamRequest):
            return self._named(name)
        return next(iter(self._speech.values()))  # any: it is not asked

    def _named(self, name: str) -> SpeechEngine:
        if name not in self._speech:
            raise ServerFault(f"the engine process has no model {name}")
        return self._speech[name]

    def _load(self, server: _Server, number: int, name: str) -> None:
        try:
            with self._loading:
                load_engine(self._named(name))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
            server.tell(Frame(FrameKind.FAULT, number, pack_words(error)))
            return
        told = {"device": self._speech[name].traits.device}
        server.tell(Frame(FrameKind.LOADED, number, pack_told(told)))


class _Server:
    """One server that is connected."""

    def __init__(self, wire: Wire, credit: int) -> None:
        self.wire = wire
        self.busy = Rate(WINDOW_S)  # what its required calls take
        self._credit = credit
        self._lock = threading.Lock()

    def take_credit(self) -> bool:
        """Count one more call; False if there are too many."""
        with self._lock:
            self._credit -= 1
            return self._credit >= 0

    def answer(self, number: int, kind: FrameKind, body: bytes) -> None:
        """Tell what became of a call, which counts no more."""
        with self._lock:
            self._credit += 1
        self.tell(Frame(kind, number, body))

    def tell(self, frame: Frame) -> None:
        """Send a message; who takes none is cut off."""
        try:
            self.wire.send(frame)
        except (OSError, ServerFault):
            self.wire.shut()
