from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scribewire import __version__
from scribewire.errors import ServerFault
from scribewire.runtime.shared_engine.offer import (
    Offer,
    check_models,
    check_version,
    describe_model,
    describe_models,
    read_offer,
)
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS, ScriptedEngine

ENGINE = ScriptedEngine()
OFFER = Offer(
    version=__version__, capacity=2, credit=3, models=describe_models((ENGINE,)), voices=None
)


def test_an_offer_is_read_as_it_was_said() -> None:
    told = json.loads(json.dumps(OFFER.told()))

    assert read_offer(told) == OFFER
    check_models(OFFER, describe_models((ENGINE,)))


def test_where_a_model_runs_need_not_be_the_same() -> None:
    elsewhere = ScriptedEngine()
    elsewhere.traits = replace(SCRIPTED_TRAITS, device="cuda")

    assert describe_model(elsewhere) == describe_model(ENGINE)


def test_another_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(ServerFault, match=r"is Scribewire 9\.9, and this is .*restart the engine"):
        read_offer({**OFFER.told(), "version": "9.9"})
    with pytest.raises(ServerFault, match="the server is Scribewire"):
        check_version({**OFFER.told(), "parcel": 99}, "the server")


@pytest.mark.parametrize("lacking", ["capacity", "credit", "models", "voices"])
def test_an_offer_that_says_too_little_is_refused(lacking: str) -> None:
    told = {name: value for name, value in OFFER.told().items() if name != lacking}

    with pytest.raises(ServerFault, match="does not say what it has"):
        read_offer(told)


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ServerFault, match="no model whisper-base, but ScriptedEngine"):
        check_models(OFFER, {"whisper-base": describe_model(ENGINE)})


def test_other_traits_and_another_calibration_are_told_to_the_number() -> None:
    other = ScriptedEngine()
    other.traits = replace(SCRIPTED_TRAITS, max_width=4)
    with pytest.raises(ServerFault, match=r"traits\.max_width is 4 here, 16 there"):
        check_models(OFFER, describe_models((other,)))

    other = ScriptedEngine()
    other.calibration = replace(SCRIPTED_CALIBRATION, speech_per_noise=4.000_001)
    with pytest.raises(ServerFault, match=r"calibration\.speech_per_noise is 4\.000001 here, 4\.0"):
        check_models(OFFER, describe_models((other,)))
