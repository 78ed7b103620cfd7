from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client import generate_latest

from scribewire.engines.protocols import SpeechEngine
from scribewire.errors import CloseCode
from scribewire.events import Final
from scribewire.runtime.observer import NOT_RESUMED, CallKind, CallNote
from scribewire.server.metrics.counters import Counters
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import ScriptedEngine
from scribewire.wishes import AUTO, Wishes

SPOKEN = "what was said"
ENGINE = ScriptedEngine()


@pytest.fixture
def counters() -> Counters:
    return Counters("en")


def value(counters: Counters, name: str, **labels: str) -> float | None:
    return counters.registry.get_sample_value(f"scribewire_{name}", labels)


def final() -> Final:
    return Final(utterance=0, text=SPOKEN, start_sample=0, end_sample=1, decided_sample=2)


def call(
    kind: CallKind,
    speech: SpeechEngine = ENGINE,
    *,
    waited_s: float = 0.03,
    is_ahead: bool = False,
    has_failed: bool = False,
) -> CallNote:
    return CallNote(
        kind=kind,
        speech=speech,
        waited_s=waited_s,
        busy_s=0.1,
        is_ahead=is_ahead,
        has_failed=has_failed,
    )


@pytest.mark.parametrize(
    ("wishes", "labels"),
    [
        (Wishes(), {"mode": "fast", "language": "en"}),
        (Wishes(mode="quality", language="nl"), {"mode": "quality", "language": "nl"}),
        (Wishes(language=AUTO, languages=("nl", "de")), {"mode": "fast", "language": "auto"}),
    ],
)
def test_sessions_are_counted_by_what_they_were_granted(
    counters: Counters, wishes: Wishes, labels: Mapping[str, str]
) -> None:
    first = counters.open_session("a", wishes)
    counters.open_session("b", wishes)
    first.note_audio(1.5)
    first.close()

    assert value(counters, "sessions_opened_total", **labels) == 2
    assert value(counters, "sessions_open", **labels) == 1
    assert value(counters, "audio_seconds_total", **labels) == 1.5


def test_results_are_counted_and_only_those_that_somebody_waits_for_are_timed(
    counters: Counters,
) -> None:
    session = counters.open_session("a", Wishes())
    for latency_s in (0.12, None):
        session.note_partial(latency_s)
        session.note_final(final(), latency_s)

    usual = {"mode": "fast", "language": "en"}
    assert value(counters, "partials_total", **usual) == 2
    assert value(counters, "finals_total", **usual) == 2
    assert value(counters, "final_latency_seconds_count", mode="fast") == 1
    assert value(counters, "final_latency_seconds_bucket", mode="fast", le="0.1") == 0
    assert value(counters, "final_latency_seconds_bucket", mode="fast", le="0.15") == 1
    assert value(counters, "partial_lag_seconds_sum", mode="fast") == 0.12


def test_texts_are_decoded_by_a_named_engine_the_rest_by_what_is_shared(
    counters: Counters,
) -> None:
    dutch = scripted_on_demand(ScriptedModel().load, name="letters-nl")
    for note in (call("final", dutch), call("vad", dutch), call("final")):
        counters.note_call(note)

    for kind, engine in (("final", "letters-nl"), ("vad", "shared"), ("final", "ScriptedEngine")):
        assert value(counters, "call_seconds_count", kind=kind, engine=engine) == 1


def test_what_may_wait_is_not_timed_waiting_and_failures_are_counted(counters: Counters) -> None:
    counters.note_call(call("final", waited_s=30.0, is_ahead=True))
    counters.note_call(call("final", has_failed=True))

    assert value(counters, "call_wait_seconds_sum", kind="final") == 0.03
    assert value(counters, "calls_failed_total", kind="final") == 1


def test_refusals_closes_and_sources_are_counted_by_cause(counters: Counters) -> None:
    session = counters.open_session("a", Wishes())
    session.note_source_loss()
    session.note_source_fault("invalid stream")
    counters.note_refusal("unknown token")
    counters.note_close(1011)

    assert value(counters, "source_losses_total") == 1
    assert value(counters, "source_faults_total", cause="invalid stream") == 1
    assert value(counters, "refusals_total", reason="unknown token") == 1
    assert value(counters, "closes_total", code="1011") == 1


def test_sessions_are_counted_kept_resumed_moved_and_not_resumed(
    counters: Counters,
) -> None:
    for _ in range(3):
        counters.note_kept()
    counters.note_resumed()
    counters.note_not_resumed("no room")
    counters.note_moved()

    assert value(counters, "sessions_moved_total") == 1
    assert value(counters, "sessions_kept_total") == 3
    assert value(counters, "sessions_resumed_total") == 1
    given_up = {
        reason: value(counters, "sessions_not_resumed_total", reason=reason)
        for reason in NOT_RESUMED
    }
    assert given_up == {"window over": 0, "no room": 1, "server down": 0}


def test_every_code_is_there_before_the_first_close_so_that_the_first_is_an_increase(
    counters: Counters,
) -> None:
    of_the_parser = {1002, 1007, 1009, 1011}  # the last: it has failed itself

    given = {int(code) for code in CloseCode} | of_the_parser
    assert {value(counters, "closes_total", code=str(code)) for code in given} == {0}


def test_a_session_leaves_neither_its_id_nor_its_words(counters: Counters) -> None:
    counters.open_session("the-id", Wishes(url="http://x/secret")).note_final(final(), 0.1)

    page = generate_latest(counters.registry).decode()

    assert "scribewire_finals_total" in page
    for secret in ("the-id", SPOKEN, "secret"):
        assert secret not in page
