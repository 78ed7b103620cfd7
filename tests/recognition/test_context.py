from __future__ import annotations

from scribewire.recognition.context import Context, LeadIn, SaidBefore


def test_without_a_final_before_it_a_piece_is_decoded_alone() -> None:
    assert Context(100).lead_in(30, 50) == LeadIn(30, ())


def test_as_many_finals_as_fit_lead_in() -> None:
    context = Context(100)
    context.remember(0, (1, 2))
    context.remember(40, (3,))
    context.remember(70, (4, 5))

    assert context.lead_in(90, 100) == LeadIn(0, (1, 2, 3, 4, 5))
    assert context.lead_in(90, 130) == LeadIn(40, (3, 4, 5))
    assert context.lead_in(190, 250) == LeadIn(190, ())


def test_a_piece_that_turns_out_to_end_sooner_gets_what_fits_then() -> None:
    context = Context(100)
    context.remember(0, (1,))

    assert context.lead_in(90, 130) == LeadIn(90, ())
    assert context.lead_in(90, 100) == LeadIn(0, (1,))


def test_what_no_later_piece_can_use_is_forgotten() -> None:
    context = Context(100)
    context.remember(0, (1,))
    context.remember(101, (2,))

    assert context.start(90) == 101


def test_a_final_without_text_ends_the_chain() -> None:
    context = Context(100)
    context.remember(0, (1,))
    context.remember(20, ())
    context.remember(40, (2,))

    assert context.lead_in(60, 80) == LeadIn(40, (2,))


def test_no_room_means_no_context() -> None:
    context = Context(0)
    context.remember(0, (1,))

    assert context.lead_in(0, 10) == LeadIn(0, ())


def test_it_tells_which_audio_may_still_be_needed() -> None:
    context = Context(100)
    context.remember(10, (1,))
    context.remember(60, (2,))

    assert [context.start(position) for position in (80, 110, 111, 160, 161)] == [
        10, 10, 60, 60, 161,
    ]  # fmt: skip


def test_the_latest_tokens_are_the_prompt() -> None:
    said = SaidBefore(3)
    said.remember((1, 2), "nl")
    said.remember((3, 4), "nl")

    assert said.prompt(("nl",)) == (2, 3, 4)


def test_a_final_without_text_is_a_new_beginning() -> None:
    said = SaidBefore(3)
    said.remember((1, 2), "nl")
    said.remember((), "nl")

    assert said.prompt(("nl",)) == ()


def test_another_language_gets_no_prompt_of_this_one() -> None:
    said = SaidBefore(9)
    said.remember((1, 2), "nl")

    assert said.prompt(("en",)) == ()

    said.remember((3,), "en")

    assert said.prompt(("en",)) == (3,)


def test_where_one_of_several_languages_may_be_spoken_there_is_no_prompt() -> None:
    said = SaidBefore(9)
    said.remember((1, 2), "nl")

    assert said.prompt(("en", "nl")) == ()


def test_text_in_a_language_that_nobody_knows_leads_nothing() -> None:
    said = SaidBefore(9)
    said.remember((1, 2), None)

    assert said.prompt(("nl",)) == ()
    assert said.prompt(()) == ()


def test_where_no_prompt_is_wished_nothing_is_kept() -> None:
    said = SaidBefore(0)
    said.remember((1, 2), "nl")

    assert said.prompt(("nl",)) == ()
