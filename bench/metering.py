"""Processor time by part: functions of the product are timed while they run as they are."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from scribewire.engines import speaker_embedding
from scribewire.engines.moonshine import engine as moonshine
from scribewire.engines.onnx import OnnxSession


@dataclass(slots=True)
class Spent:
    """What one part has taken so far."""

    calls: int = 0
    cpu_s: float = 0.0


class Meter:
    """Sums the thread's processor time by part; what is inside another part is its own only."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self.parts: defaultdict[tuple[str, str], Spent] = defaultdict(Spent)
        self._kind = ""
        self._inner_s = [0.0]  # spent in the parts inside each open one, outermost first

    @contextmanager
    def request(self, kind: str) -> Iterator[None]:
        """Count what is not in any part inside as Python and numpy of this kind of request."""
        outer, self._kind = self._kind, kind
        try:
            with self.part("Python and numpy"):
                yield
        finally:
            self._kind = outer

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what is done inside, but not in a part further inside, under this name."""
        spent = self.parts[self._kind, name]
        self._inner_s.append(0.0)
        before = self._clock()
        try:
            yield
        finally:
            whole = self._clock() - before
            spent.calls += 1
            spent.cpu_s += whole - self._inner_s.pop()
            self._inner_s[-1] += whole

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Time every run of a graph, and the parts of the engines that are made of numpy."""
        with ExitStack() as stack:
            stack.enter_context(self._timed(OnnxSession, "run", lambda session, *_: session.name))
            for owner, name, part in (
                (moonshine, "align_tokens", "alignment"),
                (speaker_embedding, "mel_features", "filter bank"),
            ):
                stack.enter_context(self._timed(owner, name, lambda *_, part=part: part))
            yield

    @contextmanager
    def _timed(self, owner: object, name: str, part: Callable[..., str]) -> Iterator[None]:
        original = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - of any function
            with self.part(part(*arguments)):
                return original(*arguments, **options)

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, original)
