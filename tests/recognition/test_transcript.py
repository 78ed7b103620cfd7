from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from scribewire.events import Final, Partial
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    EmbeddingRequest,
    Hypothesis,
    Token,
)
from scribewire.recognition.speakers import FIRST_VOICE_SAMPLES, MAX_VOICE_SAMPLES
from scribewire.recognition.speech_track import SpeechTrack
from scribewire.recognition.stabilizer import DecodedWord
from scribewire.recognition.transcript import Transcript, decoded_words
from scribewire.recognition.utterance import Utterance
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, scripted_rules

RULES = scripted_rules()
FRAMES = 100
END = FRAMES * FRAME_SAMPLES
VOICED = 0.95


def hypothesis(text: str, *, probability: float = 0.9, is_complete: bool = True) -> Hypothesis:
    """Return one with a token for each word, a tenth of a second each."""
    tokens = tuple(
        Token(number + 1, math.log(probability), f" {word}", 1600 * number, 1600 * (number + 1))
        for number, word in enumerate(text.split())
    )
    return Hypothesis(text, tokens, is_complete)


def track(probability: float = VOICED) -> SpeechTrack:
    judged = SpeechTrack()
    for _ in range(FRAMES):
        judged.accept_frame(is_speech=probability >= 0.5, probability=probability)
    return judged


def request(end: int = END, *, number: int = 0) -> DecodeRequest:
    samples = np.zeros(end, np.float32)
    return DecodeRequest(utterance=number, samples=samples, end_sample=end, is_required=True)


def new_utterance(number: int = 0) -> Utterance:
    return Utterance(number, 0, 0, showing=SCRIPTED_CALIBRATION.showing)


def ended(answer: Hypothesis, *, number: int = 0) -> Utterance:
    """Return an utterance whose final has been decoded."""
    utterance = new_utterance(number)
    utterance.settle(END, END)
    utterance.close(END)
    asked = request(number=number)
    utterance.final.ask(asked)
    utterance.final.receive(asked, answer)
    return utterance


def ask_voice(utterance: Utterance) -> EmbeddingRequest:
    samples = np.zeros(utterance.voice.wanted_samples, np.float32)
    asked = EmbeddingRequest(utterance=utterance.number, samples=samples)
    utterance.voice.ask(asked)
    return asked


def final_of(
    utterance: Utterance, judged: SpeechTrack, transcript: Transcript | None = None
) -> Final | None:
    transcript = transcript or Transcript(RULES)
    transcript.accept(utterance, judged)
    return transcript.final(utterance, judged)


def partial_of(
    utterance: Utterance, text: str, *, end: int = END, probability: float = VOICED
) -> Partial | None:
    found = hypothesis(text)
    return Transcript(RULES).partial(
        utterance, found, end, track=track(probability), is_settled=False
    )


# Finals.


def test_a_final_has_its_words_with_times_and_confidence() -> None:
    final = final_of(ended(hypothesis("Good day.")), track())

    assert final is not None
    assert (final.utterance, final.text, final.end_sample) == (0, "Good day.", END)
    assert final.words is not None
    assert [(w.text, w.start_ms, w.end_ms) for w in final.words] == [
        ("Good", 0, 100),
        ("day.", 100, 200),
    ]
    assert [w.confidence for w in final.words] == [0.935, 0.935]


def test_a_final_without_times_has_no_words() -> None:
    answer = hypothesis("Good day.")
    untimed = tuple(replace(token, start=None, end=None) for token in answer.tokens)

    final = final_of(ended(replace(answer, tokens=untimed)), track())

    assert final is not None
    assert (final.text, final.words) == ("Good day.", None)


def test_what_nobody_said_gives_no_final() -> None:
    assert final_of(ended(hypothesis("You")), track(0.6)) is None
    assert final_of(ended(hypothesis("You", probability=0.1)), track()) is None
    assert final_of(ended(hypothesis("")), track()) is None


def test_a_partial_that_proved_to_be_a_mistake_is_taken_back() -> None:
    utterance = ended(hypothesis("You"))
    utterance.show([DecodedWord("You", 0.9)], 16_000, is_settled=True)

    final = final_of(utterance, track(0.6))

    assert final is not None
    assert (final.text, final.words, final.speaker) == ("", (), None)


def test_a_final_becomes_context_for_the_next() -> None:
    transcript = Transcript(RULES)
    final_of(ended(hypothesis("Good day.")), track(), transcript)

    assert transcript.context.lead_in(END, END + 1).prefix == (1, 2)


def test_a_final_that_says_nothing_or_was_stopped_is_no_context() -> None:
    stopped = hypothesis("Good day.", is_complete=False)
    for answer, judged in ((hypothesis("You"), track(0.6)), (stopped, track())):
        transcript = Transcript(RULES)
        final_of(ended(hypothesis("Before.")), track(), transcript)

        final_of(ended(answer, number=1), judged, transcript)

        assert transcript.context.lead_in(END, END + 1).prefix == ()


def test_voices_are_numbered_in_the_order_of_the_finals() -> None:
    transcript = Transcript(scripted_rules(speakers=True))
    speakers = []
    for number, axis in enumerate((1, 0, 1)):
        utterance = ended(hypothesis("Good day."), number=number)
        asked = ask_voice(utterance)
        utterance.voice.receive(asked, np.eye(2, dtype=np.float32)[axis])
        final = final_of(utterance, track(), transcript)
        assert final is not None
        speakers.append(final.speaker)

    assert speakers == [1, 2, 1]


def test_of_an_unknown_voice_more_is_wanted() -> None:
    utterance = ended(hypothesis("Good day."))
    asked = ask_voice(utterance)
    Transcript(RULES).judge_voice(utterance)
    assert utterance.voice.wanted_samples == FIRST_VOICE_SAMPLES  # there is no answer yet

    utterance.voice.receive(asked, np.eye(2, dtype=np.float32)[0])
    Transcript(RULES).judge_voice(utterance)

    assert utterance.voice.wanted_samples == MAX_VOICE_SAMPLES


# Loops.


def guess_copied() -> Hypothesis:
    """Return one whose first four words were a guess; their copies are certain."""
    found = hypothesis("I was so excited. I was so excited. I was so excited.")
    guessed = tuple(replace(token, logprob=-1.3) for token in found.tokens[:4])
    return replace(found, tokens=(*guessed, *found.tokens[4:]))


def test_a_guess_that_is_copied_is_no_final_and_no_context() -> None:
    transcript = Transcript(RULES)

    assert final_of(ended(guess_copied()), track(), transcript) is None
    assert transcript.context.lead_in(END, END + 1).prefix == ()


def test_what_is_left_of_a_loop_is_no_context() -> None:
    transcript = Transcript(RULES)
    found = guess_copied()
    before = hypothesis("He told us that all of them were there.").tokens
    text = f"He told us that all of them were there. {found.text}"
    looped = Hypothesis(text, (*before, *found.tokens))

    final = final_of(ended(looped), track(), transcript)

    assert final is not None
    assert final.text == "He told us that all of them were there. I was so excited."
    assert transcript.context.lead_in(END, END + 1).prefix == ()


def test_a_guess_that_is_copied_is_no_partial() -> None:
    shown = Transcript(RULES).partial(
        new_utterance(), guess_copied(), END, track=track(), is_settled=True
    )

    assert shown is None


# Partials.


def test_a_partial_shows_what_is_likely_to_last() -> None:
    utterance = new_utterance()

    first = partial_of(utterance, "Good day to", end=END - 512)
    second = partial_of(utterance, "Good day to you all")

    assert first is not None
    assert second is not None
    assert second.text.startswith("Good day to")
    assert second.end_sample == utterance.shown_end == END
    assert second.stability is not None
    assert 0 <= second.stability <= 1


def test_the_same_text_is_not_shown_twice() -> None:
    utterance = new_utterance()
    transcript, found = Transcript(RULES), hypothesis("Good day.")
    shown = [
        transcript.partial(utterance, found, END, track=track(), is_settled=True) for _ in range(2)
    ]

    assert [partial and partial.text for partial in shown] == ["Good day.", None]


def test_a_decode_that_took_less_than_what_is_shown_comes_too_late() -> None:
    utterance = new_utterance()
    partial_of(utterance, "Good day to")

    assert partial_of(utterance, "Good day to you", end=END - 512) is None


def test_what_nobody_said_is_not_shown() -> None:
    assert partial_of(new_utterance(), "You", probability=0.6) is None


def test_decoded_words_have_the_probability_of_their_least_likely_letters() -> None:
    tokens = (
        Token(1, math.log(0.9), " Good"),
        Token(2, math.log(0.5), " d"),
        Token(3, math.log(0.8), "ay"),
        Token(4, math.log(0.1), "."),
    )

    words = decoded_words(Hypothesis("Good day.", tokens))

    assert [word.text for word in words] == ["Good", "day."]
    assert [round(word.probability, 3) for word in words] == [0.9, 0.5]


def test_what_is_rejected_is_counted() -> None:
    transcript = Transcript(RULES)

    assert final_of(ended(hypothesis("You")), track(0.6), transcript) is None
    assert final_of(ended(hypothesis("Hello")), track(), transcript) is not None
    assert final_of(ended(hypothesis("")), track(), transcript) is None


def test_a_loop_that_leaves_nothing_is_counted_as_rejected() -> None:
    transcript, said = Transcript(RULES), hypothesis("I know. I know. I know. I know.")
    guess = [replace(token, logprob=-1.3) for token in said.tokens[:2]]
    copies = [replace(token, logprob=-0.05) for token in said.tokens[2:]]
    looped = Hypothesis(said.text, (*guess, *copies))

    assert final_of(ended(looped), track(), transcript) is None
    assert transcript.rejected == 1
