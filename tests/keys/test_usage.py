from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from scribewire.keys.usage import KeyUsage, UsageBatch, UsageLedger, UsedAudio

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC).timestamp()
TODAY = date(2030, 1, 31)
DAY_S = 86_400
SECOND = 16_000


def test_what_was_counted_is_handed_out_once_it_is_something() -> None:
    ledger = UsageLedger("me")
    assert ledger.next_batch(now=NOON) is None
    ledger.begin_session("one", now=NOON)
    ledger.add_audio("one", 3 * SECOND, now=NOON)

    batch = ledger.next_batch(now=NOON)

    assert batch == UsageBatch(
        writer_id="me",
        sequence=1,
        at=int(NOON),
        counts=(KeyUsage(key_id="one", day=TODAY, audio_ms=3000, sessions=1),),
    )
    ledger.acknowledge(batch, {})
    assert ledger.next_batch(now=NOON) is None


def test_a_batch_stays_as_it_is_until_it_is_acknowledged() -> None:
    ledger = UsageLedger("me")
    ledger.add_audio("one", SECOND, now=NOON)
    batch = ledger.next_batch(now=NOON)
    ledger.add_audio("one", 2 * SECOND, now=NOON)

    assert ledger.next_batch(now=NOON + 5) is batch
    ledger.acknowledge(batch, {})
    following = ledger.next_batch(now=NOON)

    assert following is not None
    assert following.sequence == 2
    assert [one.audio_ms for one in following.counts] == [2000]


def test_days_are_of_utc_and_stay_apart() -> None:
    ledger = UsageLedger("me")
    ledger.add_audio("one", SECOND, now=NOON)
    ledger.add_audio("one", 2 * SECOND, now=NOON + DAY_S)
    batch = ledger.next_batch(now=NOON + DAY_S)

    assert batch is not None
    assert {one.day: one.audio_ms for one in batch.counts} == {TODAY: 1000, date(2030, 2, 1): 2000}


def test_what_a_key_has_used_is_what_was_written_and_what_was_not() -> None:
    ledger = UsageLedger("me")
    ledger.acknowledge(None, {"one": UsedAudio(60_000, 120_000, TODAY)})
    ledger.add_audio("one", SECOND, now=NOON)
    ledger.add_audio("other", SECOND, now=NOON)
    ledger.next_batch(now=NOON)
    ledger.add_audio("one", SECOND, now=NOON)

    assert ledger.used_audio_s("one", now=NOON) == (62.0, 122.0)
    assert ledger.used_audio_s("other", now=NOON) == (1.0, 1.0)
    assert ledger.used_audio_s("nobody", now=NOON) == (0.0, 0.0)


def test_what_nobody_has_acknowledged_is_told_by_day_and_key() -> None:
    ledger = UsageLedger("me")
    ledger.begin_session("one", now=NOON)
    ledger.add_audio("one", SECOND, now=NOON)
    batch = ledger.next_batch(now=NOON)
    ledger.add_audio("one", 2 * SECOND, now=NOON)
    ledger.add_audio("a", SECOND, now=NOON + DAY_S)
    ledger.add_audio("less than a millisecond", 1, now=NOON)
    later = KeyUsage(key_id="a", day=date(2030, 2, 1), audio_ms=1000, sessions=0)

    assert ledger.maybe_written() == [KeyUsage(key_id="one", day=TODAY, audio_ms=1000, sessions=1)]
    assert ledger.unwritten() == [
        KeyUsage(key_id="one", day=TODAY, audio_ms=2000, sessions=0),
        later,
    ]
    ledger.acknowledge(batch, {})
    assert ledger.maybe_written() == []
    ledger.acknowledge(ledger.next_batch(now=NOON + DAY_S), {})
    assert ledger.unwritten() == []


def test_a_new_day_and_a_new_month_begin_at_nothing() -> None:
    ledger = UsageLedger("me")
    ledger.acknowledge(None, {"one": UsedAudio(60_000, 120_000, date(2030, 1, 30))})
    ledger.add_audio("one", SECOND, now=NOON)

    assert ledger.used_audio_s("one", now=NOON) == (1.0, 121.0)
    assert ledger.used_audio_s("one", now=NOON + DAY_S) == (0.0, 0.0)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("audio"), st.integers(1, 40_000)),
            st.tuples(st.sampled_from(["write", "fail"]), st.just(0)),
        )
    )
)
def test_every_sample_is_handed_out_once_whatever_fails(steps: list[tuple[str, int]]) -> None:
    ledger = UsageLedger("me")
    written: dict[int, int] = {}
    samples = 0
    for what, count in steps:
        samples += count
        ledger.add_audio("one", count, now=NOON)
        if what != "audio" and (batch := ledger.next_batch(now=NOON)) is not None:
            (one,) = batch.counts
            assert written.setdefault(batch.sequence, one.audio_ms) == one.audio_ms
            if what == "write":
                ledger.acknowledge(batch, {})
    last = ledger.next_batch(now=NOON)
    written |= {} if last is None else {last.sequence: last.counts[0].audio_ms}
    ledger.acknowledge(last, {})
    after = ledger.next_batch(now=NOON)
    total = sum(written.values()) + (0 if after is None else after.counts[0].audio_ms)

    assert total == samples // 16
