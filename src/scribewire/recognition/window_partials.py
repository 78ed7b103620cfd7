"""Partials decoded from windows of the open utterance: as little as shows the same.

Theory of operation. What one hypothesis of an utterance says is mostly what the one before it
said. So each request carries the latest hypothesis as a draft, which an engine checks in less
time than it takes to write it. In a long utterance, audio whose words two hypotheses in a row
agree on leaves the window, but for a lead-in whose words are forced:

    utterance   |ever tried ever failed no matter try again fail
    window                      |failed no matter try again fail
                                 lead-in  |draft

To know where words lie, the engine is asked for their times whenever a window has become long.

Nothing is decoded where no new speech was judged. Several requests may be on their way, for
whoever runs them may keep only the newest of a stream. Nothing here shapes a final.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from scribewire.recognition.partials import AWAITED_SAMPLES, EARLY_SAMPLES
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.recognition.spoken_language import ENOUGH_SAMPLES
from scribewire.recognition.stabilizer import common_count, letters_of
from scribewire.types import SAMPLE_RATE, Span, ms_to_samples

if TYPE_CHECKING:
    from scribewire.recognition.audio_buffer import AudioBuffer
    from scribewire.recognition.requests import PartialAnswer, PartialRequest
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.recognition.speech_track import SpeechTrack
    from scribewire.recognition.spoken_language import LanguageChoice, SpokenLanguage

MAX_OUTSTANDING = 3  # one that runs, one that waits, and the newer one that takes its place
NEW_SPEECH_SAMPLES = ms_to_samples(200)  # less says no new word
HURRIED_SPEECH_SAMPLES = ms_to_samples(90)  # while nothing is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class _SaidWord:
    """A word of a hypothesis, with the marks that follow it."""

    tokens: tuple[Token, ...]
    letters: str
    """What counts when words are compared."""
    time: Span | None
    """Where in the stream it is spoken; None when nobody asked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A request on its way."""

    request: DecodeRequest
    known: tuple[_SaidWord, ...]
    """Words of the utterance before those that the answer holds."""


class WindowText:
    """The latest hypothesis of one open utterance, and the window that the next one is for."""

    def __init__(self, rules: RecognizerRules, utterance: int, start: int) -> None:
        self._traits = rules.traits
        self._lengths = rules.calibration.windows
        self.utterance = utterance
        self._utterance_start = start
        self._window_start = start
        self.asked_end = start  # where the latest request ends
        self._decoded_end = start  # where the latest hypothesis ends
        self._words: tuple[_SaidWord, ...] = ()  # of the latest hypothesis
        self._left_count = 0  # words that have left the window
        self._known_count = 0  # words up to the end of the lead-in

    def next_request(
        self, buffer: AudioBuffer, judged: int, choice: LanguageChoice, *, is_awaited: bool
    ) -> _Asked:
        """Return how to decode the utterance up to the sample at `judged`."""
        self.asked_end = judged
        request = DecodeRequest(
            utterance=self.utterance,
            samples=buffer.read(self._window_start, judged),
            end_sample=judged,
            is_required=False,
            is_awaited=is_awaited,
            wants_times=self._is_long(judged),
            prefix=_ids(self._words[self._left_count : self._known_count]),
            languages=choice.languages,
            expected=choice.expected,
            draft=_ids(self._words[self._known_count :]) if self._traits.takes_draft else (),
        )
        return _Asked(request, self._words[: self._known_count])

    def receive(self, asked: _Asked, found: Hypothesis) -> Hypothesis | None:
        """Take what was found in a window and return the whole hypothesis.

        None when a newer one has been received: this one took longer.
        """
        request = asked.request
        if request.end_sample <= self._decoded_end:
            return None
        new = _said_words(found, request.end_sample - len(request.samples))
        words = (*asked.known, *new)
        agreed_count = common_count(self._words, words)
        self._decoded_end, self._words = request.end_sample, words
        if agreed_count < self._known_count or not found.is_complete:
            self._widen()
        elif self._is_long(request.end_sample):
            self._cut(words[:agreed_count])
        if not asked.known:
            return found
        tokens = _tokens(words)
        return replace(found, text=_text(tokens).strip(), tokens=tokens)

    def receive_pause(self, request: DecodeRequest, found: Hypothesis) -> None:
        """Take what a final's decode found, in case that its pause was none."""
        self.asked_end = max(self.asked_end, request.end_sample)
        self.receive(_Asked(request, ()), found)

    def _is_long(self, end: int) -> bool:
        """Whether a window that ends there is to be cut, which takes times and known words."""
        can_cut = self._traits.takes_context and self._traits.gives_times
        return can_cut and end - self._window_start > self._lengths.max_window_samples

    def _widen(self) -> None:
        """Decode the whole utterance again: the window led astray."""
        self._window_start = self._utterance_start
        self._left_count = self._known_count = 0

    def _cut(self, agreed: Sequence[_SaidWord]) -> None:
        """Let the audio of agreed words leave, but for the lead-in."""
        last = self._decoded_end - self._lengths.open_samples
        settled = [
            (number, time)
            for number, word in enumerate(agreed)
            if (time := word.time) is not None and time.end <= last
        ]
        for (_, before), (number, time) in reversed(list(pairwise(settled))):
            if time.start <= settled[-1][1].end - self._lengths.lead_in_samples:
                if number > self._left_count:
                    self._left_count, self._known_count = number, settled[-1][0] + 1
                    self._window_start = (before.end + time.start) // 2
                return


class WindowPartials:
    """A `PartialStrategy` of one stream, each decoded from a window of its utterance."""

    def __init__(
        self,
        rules: RecognizerRules,
        buffer: AudioBuffer,
        track: SpeechTrack,
        spoken: SpokenLanguage,
    ) -> None:
        self._rules = rules
        self._spoken = spoken
        self._buffer = buffer
        self._track = track
        self._speech_start = 0  # of the open utterance
        self._least_due = 0  # before that, its window is too short for the engine
        self._text = WindowText(rules, -1, 0)  # of the open utterance
        self._outstanding: list[_Asked] = []

    def begin(self, utterance: int, start: int, speech_start: int) -> None:
        """Say that an utterance has begun: its number, where its audio does and its speech."""
        self._speech_start = speech_start
        self._least_due = start + self._rules.traits.min_window_samples
        self._text = WindowText(self._rules, utterance, start)

    def due_at(self, judged: int, *, has_shown: bool) -> int | None:
        """Return from which sample on a partial may be asked for; None: not before an answer."""
        interval = self._rules.partial_interval_samples
        if interval is None or len(self._outstanding) >= MAX_OUTSTANDING:
            return None
        if self._is_hurried(judged, has_shown=has_shown):
            interval = self._rules.retry_samples
        return max(self._first_due(), self._text.asked_end + interval)

    def next_request(self, judged: int, *, has_shown: bool) -> DecodeRequest | None:
        """Return the next request for the open utterance, if one is due at sample `judged`."""
        due = self.due_at(judged, has_shown=has_shown)
        if due is None or judged < due:
            return None
        is_hurried = self._is_hurried(judged, has_shown=has_shown)
        wanted = HURRIED_SPEECH_SAMPLES if is_hurried else NEW_SPEECH_SAMPLES
        if self._new_speech(judged) < wanted:
            return None
        is_new = judged < self._speech_start + AWAITED_SAMPLES
        choice = self._spoken.choice((judged - self._speech_start) / SAMPLE_RATE)
        asked = self._text.next_request(
            self._buffer, judged, choice, is_awaited=is_new and not has_shown
        )
        self._outstanding.append(asked)
        return asked.request

    def receive_result(self, request: PartialRequest, result: PartialAnswer) -> Hypothesis | None:
        """Take the answer to a request, in any order; return all that its utterance says.

        None when it was dropped, or comes too late to be of use.
        """
        assert isinstance(result, DecodeResult)
        asked = next(one for one in self._outstanding if one.request is request)
        self._outstanding.remove(asked)
        if request.utterance != self._text.utterance or result.hypothesis is None:
            return None
        return self._text.receive(asked, result.hypothesis)

    def receive_pause(self, request: DecodeRequest, found: Hypothesis) -> None:
        """Take what the decode of a pause of the open utterance found, in case that it was none."""
        self._text.receive_pause(request, found)

    def _first_due(self) -> int:
        """Return where the open utterance's first partial is due, by what is known by now.

        The final of the one before may have told the language since this one began.
        """
        first = self._rules.first_partial_samples
        if not self._spoken.is_sure:  # a text in the wrong language is worse than none yet
            first = max(first, ENOUGH_SAMPLES)
        return max(self._speech_start + first, self._least_due)

    def _is_hurried(self, judged: int, *, has_shown: bool) -> bool:
        """Whether nothing is shown yet, and nothing on its way may show something."""
        if has_shown or self._outstanding:
            return False
        return judged < self._speech_start + EARLY_SAMPLES

    def _new_speech(self, judged: int) -> int:
        """Return how much speech there is that no request holds."""
        return sum(speech.length for speech in self._track.between(self._text.asked_end, judged))


def _said_words(found: Hypothesis, origin: int) -> Iterator[_SaidWord]:
    """Give the words that the tokens spell; none when they do not spell the text."""
    tokens = found.tokens
    if _text(tokens).strip() != found.text:
        return
    starts = [n for n, token in enumerate(tokens) if n == 0 or token.text.startswith(" ")]
    for first, after in pairwise([*starts, len(tokens)]):
        word = tokens[first:after]
        start, end = word[0].start, word[-1].end
        time = None
        if start is not None and end is not None:
            time = Span(origin + start, origin + end)
        yield _SaidWord(tokens=word, letters=letters_of(_text(word)), time=time)


def _tokens(words: Iterable[_SaidWord]) -> tuple[Token, ...]:
    return tuple(token for word in words for token in word.tokens)


def _ids(words: Iterable[_SaidWord]) -> tuple[int, ...]:
    return tuple(token.id for token in _tokens(words))


def _text(tokens: Iterable[Token]) -> str:
    return "".join(token.text for token in tokens)
