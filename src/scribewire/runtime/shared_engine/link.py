"""A server's side: one connection to the engine process, which comes back by itself.

Theory of operation. A thread connects, reads answers, and connects again when the process is gone;
another gives up calls that are not answered. What was under way when it went, and what is asked
then, waits for the next process, for a few seconds from its going; then all of it fails, in words,
and what is asked later fails at once. No call is sent to more than two processes (under_way.py).
When it comes back it must be what it was before, to the last number (offer.py); models that this
server uses are loaded there before anything else is asked.

A process that has not said a word for as long as a call may take, while it has one, hangs: it is
taken for gone. While it answers nothing is given up here: it watches its calls itself.
"""

from __future__ import annotations

import logging
import math
import queue
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scribewire import __version__
from scribewire.errors import ServerFault
from scribewire.log_line import LogLine
from scribewire.runtime import parcel
from scribewire.runtime.load import WINDOW_S
from scribewire.runtime.parcel import pack
from scribewire.runtime.shared_engine.frames import (
    AskedCall,
    Frame,
    FrameKind,
    pack_told,
    read_result,
    unpack_answer,
    unpack_told,
)
from scribewire.runtime.shared_engine.offer import PROTOCOL, Offer, check_models, read_offer
from scribewire.runtime.shared_engine.place import check_path
from scribewire.runtime.shared_engine.under_way import CallsUnderWay, CallUnderWay, LinkAnswer
from scribewire.runtime.shared_engine.wire import Wire
from scribewire.runtime.threads import MAX_CALL_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from scribewire.recognition.requests import Request
    from scribewire.runtime.workers import Outcome

PATIENCE_S: Final = MAX_CALL_S + 5.0  # longer than the engine process's own, which says more
LOAD_PATIENCE_S: Final = 300.0  # a large model from a slow disk
HELLO_PATIENCE_S: Final = 5.0
RETRY_S: Final = 0.5
RETURN_PATIENCE_S: Final = 10.0  # one that is started again at once is there in four

_log = logging.getLogger("scribewire.engines")


class EngineLink:
    """The connection of a server to the engine process at `path`."""

    def __init__(
        self,
        path: Path,
        *,
        patience_s: float = PATIENCE_S,
        retry_s: float = RETRY_S,
        return_patience_s: float = RETURN_PATIENCE_S,
    ) -> None:
        self._path = path
        self._patience_s = patience_s
        self._retry_s = retry_s
        self._return_patience_s = return_patience_s
        self._asking = threading.Lock()  # beside the calls of streams, there is room for one
        self._lock = threading.Lock()  # guards everything below
        self._wire: Wire | None = None  # while it is there, and all it must have is loaded
        self._why_down = f"the engine process at {path} has not been asked yet"
        self._offer: Offer | None = None  # of the first connection; the later ones must equal it
        self._loaded: dict[str, None] = {}  # what this server uses
        self._calls = CallsUnderWay()  # without a process, they wait for it
        self._waits_until = -math.inf
        self._heard_at = 0.0
        self._others = (0.0, 0.0)  # their share, and when it was told
        self._is_closed = threading.Event()

    @property
    def offer(self) -> Offer:
        """What the engine process has; only once it is connected."""
        assert self._offer is not None, "connect first"
        return self._offer

    @property
    def why_down(self) -> str | None:
        """Why nothing can be asked now; None: it can."""
        with self._lock:
            return None if self._wire is not None else self._why_down

    @property
    def others_share(self) -> float:
        """Which part of the workers' time is not to be had: others' lately, or all of it."""
        with self._lock:
            if self._wire is None:
                return 1.0
            share, at = self._others
        return share * math.exp(-(time.monotonic() - at) / WINDOW_S)

    def connect(self, wanted: Mapping[str, Mapping[str, object]]) -> None:
        """Connect for the first time. Raises ServerFault, also where a `wanted` model is another.

        From then on it stays connected, or comes back.
        """
        check_path(self._path)
        try:
            wire, offer = self._dial()
        except OSError as error:
            raise ServerFault(
                f"engine process at {self._path}: {error.strerror or error}; start it with "
                "`scribewire engine --socket`"
            ) from error
        try:
            check_models(offer, wanted)
        except ServerFault:
            wire.close()
            raise
        self._offer = offer
        with self._lock:
            self._wire, self._heard_at = wire, time.monotonic()
        for target in (self._stay, self._watch):
            threading.Thread(target=target, name="engine-link", daemon=True).start()

    def submit(
        self,
        name: str,
        request: Request,
        take: Callable[[LinkAnswer], None],
        *,
        is_ahead: bool = False,
    ) -> None:
        """Ask for a request to be run on a model, behind all that is not `is_ahead` if it is.

        No more than `offer.credit` at a time. `take` is called once with what becomes of it, from
        any thread, this one included.
        """
        try:
            body = AskedCall(name, pack(request), is_ahead=is_ahead).pack()
        except ServerFault as fault:
            take(LinkAnswer(fault))
            return
        self._send(
            CallUnderWay(kind=FrameKind.ASK, body=body, take=take, patience_s=self._patience_s)
        )

    def ask(self, name: str, request: Request) -> Outcome:
        """Have a request run, and wait for what becomes of it; one at a time, of all threads."""
        outcome = self.ask_whole(name, request).outcome
        assert outcome is not None, "a call is answered by a result"
        return outcome

    def ask_whole(self, name: str, request: Request) -> LinkAnswer:
        """As `ask`, with how long it took there."""
        answers: queue.SimpleQueue[LinkAnswer] = queue.SimpleQueue()
        with self._asking:
            self.submit(name, request, answers.put)
            return answers.get()

    def load(self, name: str) -> str | None:
        """Have a model loaded, now and whenever the process comes back; return its device.

        Raises ServerFault.
        """
        answers: queue.SimpleQueue[LinkAnswer] = queue.SimpleQueue()
        self._send(
            CallUnderWay(
                kind=FrameKind.LOAD,
                body=name.encode(),
                take=answers.put,
                patience_s=LOAD_PATIENCE_S,
            )
        )
        device = _device_of(answers.get())
        with self._lock:
            self._loaded[name] = None
        return device

    def close(self) -> None:
        """Leave the engine process; what is under way fails."""
        self._is_closed.set()
        with self._lock:
            wire = self._wire
        if wire is not None:
            wire.shut()

    def _dial(self) -> tuple[Wire, Offer]:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(HELLO_PATIENCE_S)
            connected.connect(str(self._path))
        except OSError:
            connected.close()
            raise
        wire = Wire(connected)
        try:
            offer = _read_hello(wire.receive_within(HELLO_PATIENCE_S))
            ours = {"version": __version__, "protocol": PROTOCOL, "parcel": parcel.VERSION}
            wire.send(Frame(FrameKind.HELLO, 0, pack_told(ours)))
        except (OSError, ServerFault):
            wire.close()
            raise
        return wire, offer

    def _send(self, call: CallUnderWay) -> None:
        now = time.monotonic()
        with self._lock:
            wire, why = self._wire, self._why_down
            number = None
            if wire is not None:
                number = self._calls.put(replace(call, sent_at=now, sendings=1))
            elif now < self._waits_until:
                self._calls.put(call)
                return
        if wire is None or number is None:
            call.take(LinkAnswer(ServerFault(why), busy_s=0.0))
            return
        self._post(wire, number, call)

    def _post(self, wire: Wire, number: int, call: CallUnderWay) -> None:
        try:
            wire.send(Frame(call.kind, number, call.body))
        except OSError:
            wire.shut()  # who reads it finds out
        except ServerFault as fault:
            self._answer(number, LinkAnswer(fault))

    def _stay(self) -> None:
        """Read answers for as long as the process is there, and wait for it when it is not."""
        while not self._is_closed.is_set():
            with self._lock:
                wire = self._wire
            if wire is None:
                self._is_closed.wait(self._retry_s)
                self._come_back()
                continue
            self._read(wire)
            self._lose(wire, f"the engine process at {self._path} has gone")
        with self._lock:  # it may have come back at the last moment
            wire, self._wire = self._wire, None
            self._why_down = "this server has left the engine process"
            self._waits_until = -math.inf
            calls = self._calls.take_all()
        if wire is not None:
            wire.close()
        _fail(calls, self._why_down)

    def _read(self, wire: Wire) -> None:
        try:
            while (frame := wire.receive()) is not None:
                self._heard_at = time.monotonic()
                self._answer(frame.number, self._read_answer(frame))
        except ServerFault as fault:
            _log.warning(LogLine("engine_unread", "! engine process: {reason}", reason=fault))

    def _read_answer(self, frame: Frame) -> LinkAnswer:
        if frame.kind is FrameKind.ANSWER:
            told = unpack_answer(frame.body)
            with self._lock:
                self._others = (told.others_share, time.monotonic())
            return LinkAnswer(read_result(told.parcel), busy_s=told.busy_s)
        if frame.kind is FrameKind.FAULT:
            words = unpack_told(frame.body).get("words")
            return LinkAnswer(ServerFault(str(words)))
        if frame.kind is FrameKind.LOADED:
            return LinkAnswer(None, told=unpack_told(frame.body))
        raise ServerFault(f"it says {frame.kind.name}: expected an answer")

    def _answer(self, number: int, answer: LinkAnswer) -> None:
        with self._lock:
            call = self._calls.take(number)
        if call is not None:
            call.take(answer)

    def _lose(self, wire: Wire, why: str) -> None:
        with self._lock:
            self._waits_until = time.monotonic() + self._return_patience_s
            self._wire = None
            self._why_down = (
                f"{why}; calls wait {self._return_patience_s:g} s for it, and then fail until it "
                "is there again"
            )
            hopeless = self._calls.take_hopeless()
        wire.close()
        if not self._is_closed.is_set():
            _log.error(LogLine("engine_gone", "! {reason}", reason=self._why_down))
        _fail(hopeless, f"{why} for the second time in this call, which is not sent again")

    def _come_back(self) -> None:
        try:
            wire, offer = self._dial()
        except OSError:
            return  # it is not there yet
        except ServerFault as fault:
            self._note_refusal(str(fault))
            return
        if offer != self._offer:
            wire.close()
            self._refuse_another()
            return
        try:
            for number, name in enumerate(tuple(self._loaded), start=1):
                self._load_again(wire, number, name)
        except (OSError, ServerFault) as fault:
            wire.close()
            self._note_refusal(str(fault))
            return
        now = time.monotonic()
        with self._lock:
            self._wire, self._heard_at = wire, now
            again = self._calls.note_sent(now)
        words = "= the engine process at {path} is there again"
        _log.info(LogLine("engine_back", words, path=self._path))
        for number, call in again.items():
            self._post(wire, number, call)

    def _refuse_another(self) -> None:
        """Note that no wait helps: it has come back, and as another."""
        self._note_refusal(
            f"the engine process at {self._path} has come back with other models, or another "
            "number of workers: restart this server"
        )
        with self._lock:
            self._waits_until, why = -math.inf, self._why_down
            calls = self._calls.take_all()
        _fail(calls, why)

    def _load_again(self, wire: Wire, number: int, name: str) -> None:
        wire.send(Frame(FrameKind.LOAD, number, name.encode()))
        frame = wire.receive_within(LOAD_PATIENCE_S)
        if frame is None:
            raise ServerFault(f"the engine process at {self._path} does not load {name}")
        _device_of(self._read_answer(frame))

    def _note_refusal(self, why: str) -> None:
        with self._lock:
            is_news, self._why_down = why != self._why_down, why
        if is_news:
            _log.error(LogLine("engine_refused", "! {reason}", reason=why))

    def _watch(self) -> None:
        """Give up a process that says nothing for too long, and the calls that are there.

        While it answers, a call waits there for its turn, or is watched by the process itself.
        Without one, calls wait for the next.
        """
        shortest_s = min(self._patience_s, self._return_patience_s)
        while not self._is_closed.wait(min(1.0, shortest_s / 4)):
            overdue: list[CallUnderWay] = []
            unheard: list[CallUnderWay] = []
            now = time.monotonic()
            with self._lock:
                wire, why = self._wire, self._why_down
                if wire is not None:
                    overdue = self._calls.take_overdue(now, heard_at=self._heard_at)
                elif now >= self._waits_until:
                    unheard = self._calls.take_all()
            _fail(unheard, why)
            for call in overdue:
                fault = ServerFault(
                    f"the engine process did not answer within {call.patience_s:g} s"
                )
                call.take(LinkAnswer(fault, is_given_up=True))
            if wire is not None and overdue:
                wire.shut()  # not a word since: it hangs


def _fail(calls: Iterable[CallUnderWay], why: str) -> None:
    """Tell those who have asked that their calls fail, without the time that they have waited."""
    for call in calls:
        call.take(LinkAnswer(ServerFault(why), busy_s=0.0))


def _read_hello(hello: Frame | None) -> Offer:
    if hello is None or hello.kind is not FrameKind.HELLO:
        raise ServerFault("the engine process does not say who it is")
    return read_offer(unpack_told(hello.body))


def _device_of(answer: LinkAnswer) -> str | None:
    if isinstance(answer.outcome, Exception):
        raise answer.outcome
    match answer.told:
        case {"device": str() | None as device}:
            return device
    raise ServerFault("the engine process does not say where a model runs")
