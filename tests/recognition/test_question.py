from __future__ import annotations

import pytest

from scribewire.recognition.question import Question


def test_a_question_is_open_until_its_answer_comes() -> None:
    question = Question[str]()

    states = [question.is_open]
    assert question.ask("who?") == "who?"
    states.append(question.is_open)
    question.close("who?")
    states.append(question.is_open)

    assert states == [False, True, False]


def test_one_is_asked_at_a_time() -> None:
    question = Question[str]()
    question.ask("who?")

    with pytest.raises(AssertionError):
        question.ask("when?")


def test_the_answer_to_another_is_refused() -> None:
    question = Question[str]()
    question.ask("who?")

    with pytest.raises(AssertionError):
        question.close("when?")
