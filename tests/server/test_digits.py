from __future__ import annotations

import pytest

from scribewire.events import Final, Partial, SpeechStarted
from scribewire.server.digits import write_as_wished
from scribewire.wishes import AUTO, Wishes

LOCKED = Wishes(language="en", digits=True)
FOUND_OUT = Wishes(language=AUTO, languages=("en", "nl"), digits=True)


def partial(text: str) -> Partial:
    return Partial(utterance=0, text=text, start_sample=0, end_sample=160)


def final(text: str, language: str | None = None) -> Final:
    return Final(
        utterance=0,
        text=text,
        start_sample=0,
        end_sample=160,
        decided_sample=160,
        language=language,
    )


@pytest.mark.parametrize(
    ("wishes", "event", "written"),
    [
        (Wishes(language="en"), final("twenty-one"), final("twenty-one")),
        (LOCKED, final("twenty-one"), final("21")),
        (LOCKED, final("twenty-one", "en"), final("21", "en")),
        (LOCKED, partial("twenty-one"), partial("21")),
        (FOUND_OUT, final("twenty-one", "en"), final("21", "en")),
        (FOUND_OUT, final("eenentwintig", "nl"), final("21", "nl")),
        (FOUND_OUT, final("twenty-one"), final("twenty-one")),
        (FOUND_OUT, partial("twenty-one"), partial("twenty-one")),
    ],
)
def test_numbers_are_written_in_the_language_that_is_known(
    wishes: Wishes, event: Partial | Final, written: Partial | Final
) -> None:
    assert write_as_wished(event, wishes) == written


def test_what_has_no_text_stays_as_it_is() -> None:
    started = SpeechStarted(utterance=0, start_sample=0)

    assert write_as_wished(started, LOCKED) is started
