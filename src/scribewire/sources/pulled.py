"""One stream URL as audio, for as long as it lasts: what pulls it, for those who hear it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scribewire.audio.container import TrackWish
from scribewire.sources.hands import Hands
from scribewire.sources.http.discretion import discreet
from scribewire.sources.http.urls import check_url
from scribewire.sources.pull import Pull
from scribewire.sources.rules import PullRules
from scribewire.sources.steps import Over, Tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scribewire.sources.decoders import Decoders
    from scribewire.sources.events import SourceEvent
    from scribewire.sources.http.fetcher import GuardedFetcher
    from scribewire.sources.http.urls import HttpUrl
    from scribewire.sources.retry import RetryRules
    from scribewire.sources.steps import Step


_ANY_TRACK: Final = TrackWish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """How this server pulls."""

    fetcher: GuardedFetcher
    decoders: Decoders
    retry: RetryRules
    open_timeout_s: float
    """From connecting to the first audio."""

    def pull(
        self,
        url: str | HttpUrl,
        wish: TrackWish = _ANY_TRACK,
        may_reach: Callable[[str], bool] | None = None,
    ) -> AsyncGenerator[SourceEvent, None]:
        """Yield what a source gives of the track that is wished, until a finite one is over.

        Every host on the way is one that `may_reach` allows; None: all that the policy does.

        Raises SourceFault: at once for a source that cannot be used, with close code 1011 for a
        live one that was lost for longer than `retry` allows.
        """
        limits = self.fetcher.limits
        rules = PullRules(
            retry=self.retry,
            open_timeout_s=self.open_timeout_s,
            stall_s=limits.stall_s,
            nesting=limits.playlist_nesting,
            language=wish.language,
        )
        hands = Hands(self.fetcher.for_one_source(may_reach), self.decoders, wish)
        return discreet(_pull(hands, url, rules))


async def _pull(
    hands: Hands, url: str | HttpUrl, rules: PullRules
) -> AsyncGenerator[SourceEvent, None]:
    pull = Pull(check_url(url) if isinstance(url, str) else url, rules)
    over: Over | None = None
    async with hands:
        steps = pull.begin(time.monotonic())
        while over is None:
            told, over = await _take(steps, hands)
            for event in told:
                yield event
            if over is None:
                steps = await _next_steps(pull, hands)
    if over.fault is not None:
        raise over.fault


async def _take(steps: Iterator[Step], hands: Hands) -> tuple[list[SourceEvent], Over | None]:
    """Take the steps that follow one fact; return what they tell, and the last one of all."""
    told: list[SourceEvent] = []
    for step in steps:
        if isinstance(step, Over):
            return told, step
        if isinstance(step, Tell):
            told.append(step.event)
        else:
            await hands.do(step)
    return told, None


async def _next_steps(pull: Pull, hands: Hands) -> Iterator[Step]:
    """Wait for what happens next."""
    wake_at = pull.wake_at
    within_s = None if wake_at is None else max(wake_at - time.monotonic(), 0.0)
    fact = await hands.next_fact(within_s)
    now = time.monotonic()
    return pull.look(now) if fact is None else pull.receive(fact, now)
