"""What is decoded for partials, and when: as little as shows the same.

Theory of operation. What one hypothesis of an utterance says is mostly what the one before it
said. So each request carries the latest hypothesis as a draft, which an engine checks in less
time than it takes to write it. In a long utterance, audio whose words two hypotheses in a row
agree on leaves the window, but for a lead-in whose words are forced:

    utterance   |ever tried ever failed no matter try again fail
    window                      |failed no matter try again fail
                                 lead-in  |draft

To know where words lie, the engine is asked for their times whenever a window has become long.

Nothing is decoded where no new speech was heard. Several requests may be on their way, for
whoever runs them may keep only the newest of a stream. Nothing here shapes a final.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from scribewire.recognition.requests import DecodeRequest, Hypothesis, Token
from scribewire.recognition.speech_track import Interval
from scribewire.recognition.stabilizer import common_count, letters_of
from scribewire.types import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    from scribewire.recognition.audio_buffer import AudioBuffer
    from scribewire.recognition.requests import DecodeResult
    from scribewire.recognition.rules import RecognizerRules
    from scribewire.recognition.speech_track import SpeechTrack
    from scribewire.recognition.utterance import Utterance

MAX_OUTSTANDING = 3  # one that runs, one that waits, and the newer one that takes its place
MAX_WINDOW_SAMPLES = 6 * SAMPLE_RATE  # a longer one is cut as soon as it can be
LEAD_IN_SAMPLES = ms_to_samples(2500)  # at least: what is forced needs sound to stand on
OPEN_SAMPLES = ms_to_samples(2000)  # words that end later than this before the end may change
MIN_NEW_SPEECH_SAMPLES = ms_to_samples(200)  # less says no new word
AWAITED_SAMPLES = 3 * SAMPLE_RATE  # what shows nothing for so long is noise, and can wait
MIN_NEW_RETRY_SAMPLES = ms_to_samples(90)  # while nothing is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class _SaidWord:
    """A word of a hypothesis, with the marks that follow it."""

    tokens: tuple[Token, ...]
    letters: str
    """What counts when words are compared."""
    time: Interval | None
    """Where in the stream it is heard; None when nobody asked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A request on its way."""

    request: DecodeRequest
    known: tuple[_SaidWord, ...]
    """Words of the utterance before those that the answer holds."""


class OpenText:
    """The latest hypothesis of an open utterance, and the window that the next one hears."""

    def __init__(self, start: int) -> None:
        self._utterance_start = start
        self._window_start = start
        self.asked_end = start  # up to where the latest request hears
        self._heard_end = start  # up to where the latest hypothesis heard
        self._words: tuple[_SaidWord, ...] = ()  # of the latest hypothesis
        self._left_count = 0  # words that have left the window
        self._known_count = 0  # words up to the end of the lead-in

    def new_speech(self, heard: int, track: SpeechTrack) -> int:
        """Return how much speech there is that no request has heard."""
        return sum(speech.end - speech.start for speech in track.between(self.asked_end, heard))

    def next_request(
        self, utterance: int, heard: int, buffer: AudioBuffer, *, is_awaited: bool
    ) -> _Asked:
        """Return how to decode the utterance of that number up to the sample at `heard`."""
        self.asked_end = heard
        request = DecodeRequest(
            utterance=utterance,
            samples=buffer.read(self._window_start, heard),
            end_sample=heard,
            is_required=False,
            is_awaited=is_awaited,
            wants_times=heard - self._window_start > MAX_WINDOW_SAMPLES,
            prefix=_ids(self._words[self._left_count : self._known_count]),
            draft=_ids(self._words[self._known_count :]),
        )
        return _Asked(request, self._words[: self._known_count])

    def receive(self, asked: _Asked, found: Hypothesis) -> Hypothesis | None:
        """Take what was found in a window and return the whole hypothesis.

        None when a newer one has been received: this one took longer.
        """
        request = asked.request
        if request.end_sample <= self._heard_end:
            return None
        new = _said_words(found, request.end_sample - len(request.samples))
        words = (*asked.known, *new)
        agreed_count = common_count(self._words, words)
        self._heard_end, self._words = request.end_sample, words
        if agreed_count < self._known_count or not found.is_complete:
            self._widen()
        elif request.end_sample - self._window_start > MAX_WINDOW_SAMPLES:
            self._cut(words[:agreed_count])
        if not asked.known:
            return found
        tokens = _tokens(words)
        return replace(found, text=_text(tokens).strip(), tokens=tokens)

    def receive_pause(self, request: DecodeRequest, found: Hypothesis) -> None:
        """Take what a final's decode found, in case that its pause was none."""
        self.asked_end = max(self.asked_end, request.end_sample)
        self.receive(_Asked(request, ()), found)

    def _widen(self) -> None:
        """Hear the whole utterance again: the window led astray."""
        self._window_start = self._utterance_start
        self._left_count = self._known_count = 0

    def _cut(self, agreed: Sequence[_SaidWord]) -> None:
        """Let the audio of agreed words leave, but for the lead-in."""
        last = self._heard_end - OPEN_SAMPLES
        settled = [
            (number, time)
            for number, word in enumerate(agreed)
            if (time := word.time) is not None and time.end <= last
        ]
        for (_, before), (number, time) in reversed(list(pairwise(settled))):
            if time.start <= settled[-1][1].end - LEAD_IN_SAMPLES:
                if number > self._left_count:
                    self._left_count, self._known_count = number, settled[-1][0] + 1
                    self._window_start = (before.end + time.start) // 2
                return


class Partials:
    """When partials of one stream are decoded, and which have been asked for."""

    def __init__(self, rules: RecognizerRules) -> None:
        self._interval_samples = rules.partial_interval_samples
        self._retry_samples = rules.retry_samples
        self._first_samples = rules.first_partial_samples
        self._first_due = 0  # where in the stream the open utterance's first one is due
        self._outstanding: list[_Asked] = []

    def begin(self, speech_start: int) -> None:
        """Say that an utterance has begun, and where its speech does."""
        self._first_due = speech_start + self._first_samples

    def due_at(self, utterance: Utterance, heard: int) -> int | None:
        """Return from which sample on a partial may be asked for; None: not before an answer."""
        if self._interval_samples is None or len(self._outstanding) >= MAX_OUTSTANDING:
            return None
        wait = self._wait_samples(utterance, heard)
        return max(self._first_due, utterance.open_text.asked_end + wait)

    def _is_hurried(self, utterance: Utterance, heard: int) -> bool:
        """Whether nothing is shown yet, and nothing on its way may show something."""
        is_awaited = utterance.is_early(heard) and utterance.shown_end is None
        return is_awaited and not self._outstanding

    def _wait_samples(self, utterance: Utterance, heard: int) -> int:
        assert self._interval_samples is not None
        return self._retry_samples if self._is_hurried(utterance, heard) else self._interval_samples

    def next_request(
        self, utterance: Utterance, heard: int, *, buffer: AudioBuffer, track: SpeechTrack
    ) -> DecodeRequest | None:
        """Return the next request for the open utterance, if one is due at sample `heard`."""
        due = self.due_at(utterance, heard)
        if due is None or heard < due:
            return None
        text = utterance.open_text
        is_hurried = self._is_hurried(utterance, heard)
        wanted = MIN_NEW_RETRY_SAMPLES if is_hurried else MIN_NEW_SPEECH_SAMPLES
        if text.new_speech(heard, track) < min(wanted, self._wait_samples(utterance, heard)):
            return None
        is_new = heard < utterance.speech_start + AWAITED_SAMPLES
        is_awaited = is_new and utterance.shown_end is None
        asked = text.next_request(utterance.number, heard, buffer, is_awaited=is_awaited)
        self._outstanding.append(asked)
        return asked.request

    def receive_result(
        self, request: DecodeRequest, result: DecodeResult, utterance: Utterance | None
    ) -> Hypothesis | None:
        """Take the answer to a request, in any order; return all that its utterance says.

        None when it was dropped, or comes too late to be of use.
        """
        asked = next(one for one in self._outstanding if one.request is request)
        self._outstanding.remove(asked)
        if utterance is None or result.hypothesis is None:
            return None
        return utterance.open_text.receive(asked, result.hypothesis)


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
            time = Interval(origin + start, origin + end)
        yield _SaidWord(tokens=word, letters=letters_of(_text(word)), time=time)


def _tokens(words: Iterable[_SaidWord]) -> tuple[Token, ...]:
    return tuple(token for word in words for token in word.tokens)


def _ids(words: Iterable[_SaidWord]) -> tuple[int, ...]:
    return tuple(token.id for token in _tokens(words))


def _text(tokens: Iterable[Token]) -> str:
    return "".join(token.text for token in tokens)
