"""What may be told of a server's work while it happens: by default nobody listens.

Whoever does is told on hot paths: what is noted has to be a matter of microseconds, to be done in
memory, and to raise nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, get_args

from scribewire.recognition.requests import (
    EmbeddingRequest,
    TurnRequest,
    VadRequest,
    is_for_partial,
)

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.events import Final as FinalEvent
    from scribewire.recognition.requests import Request
    from scribewire.wishes import Wishes

CallKind: TypeAlias = Literal["vad", "partial", "final", "voice", "turns"]
"""What an engine call is for: where speech is, a text, whose voice it is, who takes turns."""

CALL_KINDS: Final[tuple[CallKind, ...]] = get_args(CallKind)

NotResumed: TypeAlias = Literal["window over", "no room", "server down"]
"""Why a session is kept no longer that its client has not come back to."""

NOT_RESUMED: Final[tuple[NotResumed, ...]] = get_args(NotResumed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNote:
    """One engine call that has come back."""

    kind: CallKind
    speech: SpeechEngine
    """The engine of its stream, which has answered if the call was for a text."""
    waited_s: float
    """From being asked for until a worker took it."""
    busy_s: float
    """From then until its outcome was there."""
    is_ahead: bool
    """Whether its audio came faster than it is spoken, so that it was right to let it wait."""
    has_failed: bool


class StreamObserver(Protocol):
    """Is told what becomes of one stream, on the thread of its event loop."""

    def note_audio(self, seconds: float) -> None:
        """Note audio that has come, whatever is in it."""

    def note_partial(self, lag_s: float | None) -> None:
        """Note a partial: how long ago the audio behind it came; None: it came as a file does."""

    def note_final(self, final: FinalEvent, latency_s: float | None) -> None:
        """Note a final: how long ago the silence that ended it was there; None: as above.

        None too while its stream had to wait for a model. Its text is nobody's business.
        """


class SessionObserver(StreamObserver, Protocol):
    """Is told what becomes of one session; `close` comes last, once."""

    def note_source_loss(self) -> None:
        """Note that its source has stopped giving audio, and is tried again."""

    def note_source_fault(self, cause: str) -> None:
        """Note that its source cannot be used, for one of `sources.faults.CAUSES`."""

    def close(self) -> None:
        """Note that it is over."""


class Observer(Protocol):
    """Is told what a server does."""

    def open_session(self, session_id: str, wishes: Wishes) -> SessionObserver:
        """Note a session that begins, with what was granted; return who is told of it."""

    def note_call(self, note: CallNote) -> None:
        """Note an engine call, from any thread."""

    def note_refusal(self, reason: str) -> None:
        """Note a request that was refused: `error` of its answer, which quotes nothing."""

    def note_close(self, code: int) -> None:
        """Note that a WebSocket was closed by us."""

    def note_kept(self) -> None:
        """Note that a session that is not over has lost its connection and is kept."""

    def note_resumed(self) -> None:
        """Note that a client has come back to its session."""

    def note_not_resumed(self, reason: NotResumed) -> None:
        """Note that one that is not over is kept no longer: its client has not come back."""

    def note_moved(self) -> None:
        """Note that one goes on at another server, to which its client has come back."""


class _Nobody:
    """Listens to nothing."""

    def note_audio(self, seconds: float) -> None: ...

    def note_partial(self, lag_s: float | None) -> None: ...

    def note_final(self, final: FinalEvent, latency_s: float | None) -> None: ...

    def note_source_loss(self) -> None: ...

    def note_source_fault(self, cause: str) -> None: ...

    def close(self) -> None: ...

    def open_session(self, session_id: str, wishes: Wishes) -> SessionObserver:
        return self

    def note_call(self, note: CallNote) -> None: ...

    def note_refusal(self, reason: str) -> None: ...

    def note_close(self, code: int) -> None: ...

    def note_kept(self) -> None: ...

    def note_resumed(self) -> None: ...

    def note_not_resumed(self, reason: NotResumed) -> None: ...

    def note_moved(self) -> None: ...


_NOBODY: Final = _Nobody()
UNOBSERVED: Final[Observer] = _NOBODY
"""What stands where nobody wants to know."""
UNOBSERVED_STREAM: Final[SessionObserver] = _NOBODY


def together(*observers: Observer | None) -> Observer:
    """Return who tells all of them; None stands for nobody."""
    listening = tuple(one for one in observers if one is not None and one is not UNOBSERVED)
    if not listening:
        return UNOBSERVED
    return listening[0] if len(listening) == 1 else _All(listening)


class _All:
    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers

    def open_session(self, session_id: str, wishes: Wishes) -> SessionObserver:
        return _AllOfSession(tuple(one.open_session(session_id, wishes) for one in self._observers))

    def note_call(self, note: CallNote) -> None:
        for one in self._observers:
            one.note_call(note)

    def note_refusal(self, reason: str) -> None:
        for one in self._observers:
            one.note_refusal(reason)

    def note_close(self, code: int) -> None:
        for one in self._observers:
            one.note_close(code)

    def note_kept(self) -> None:
        for one in self._observers:
            one.note_kept()

    def note_resumed(self) -> None:
        for one in self._observers:
            one.note_resumed()

    def note_not_resumed(self, reason: NotResumed) -> None:
        for one in self._observers:
            one.note_not_resumed(reason)

    def note_moved(self) -> None:
        for one in self._observers:
            one.note_moved()


class _AllOfSession:
    def __init__(self, observers: tuple[SessionObserver, ...]) -> None:
        self._observers = observers

    def note_audio(self, seconds: float) -> None:
        for one in self._observers:
            one.note_audio(seconds)

    def note_partial(self, lag_s: float | None) -> None:
        for one in self._observers:
            one.note_partial(lag_s)

    def note_final(self, final: FinalEvent, latency_s: float | None) -> None:
        for one in self._observers:
            one.note_final(final, latency_s)

    def note_source_loss(self) -> None:
        for one in self._observers:
            one.note_source_loss()

    def note_source_fault(self, cause: str) -> None:
        for one in self._observers:
            one.note_source_fault(cause)

    def close(self) -> None:
        for one in self._observers:
            one.close()


def kind_of(request: Request) -> CallKind:
    """Return what a request is for."""
    if isinstance(request, VadRequest):
        return "vad"
    if isinstance(request, EmbeddingRequest):
        return "voice"
    if isinstance(request, TurnRequest):
        return "turns"
    return "partial" if is_for_partial(request) else "final"
