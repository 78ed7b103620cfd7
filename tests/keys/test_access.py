from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import pytest

from scribewire.errors import ClientFault, CloseCode
from scribewire.grants import Grant
from scribewire.keys.access import KeyAccess
from scribewire.keys.usage import UsageLedger, UsedAudio

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC).timestamp()
SECOND = 16_000


class Keys:
    """Knows the keys of a set."""

    def __init__(self, *key_ids: str) -> None:
        self.grants = {key_id: Grant(key_id=key_id) for key_id in key_ids}

    def grant_of(self, key: str) -> Grant | None:
        return None

    def grant_of_id(self, key_id: str, *, secret_id: str | None = None) -> Grant | None:
        return self.grants.get(key_id)


def access_of(keys: Keys | None = None, ledger: UsageLedger | None = None) -> KeyAccess:
    return KeyAccess(keys or Keys(), ledger or UsageLedger(), now=lambda: NOON)


def ignore(_fault: ClientFault) -> None:
    pass


def test_a_key_has_as_many_places_as_it_may_have() -> None:
    access, grant = access_of(), Grant(key_id="a", max_sessions=2)
    with contextlib.ExitStack() as places:
        for _ in range(2):
            assert access.refusal(grant) is None
            places.enter_context(access.take_place(grant))
        refusal = access.refusal(grant)

        assert refusal is not None
        assert (refusal.error, refusal.retry_after_s) == ("too many sessions", 5)
        assert refusal.fault.close_code is CloseCode.TRY_AGAIN_LATER
        assert access.refusal(grant, has_place=True) is None
        assert access.refusal(Grant(key_id="b", max_sessions=2)) is None

    assert access.refusal(grant) is None


class OtherServers:
    """Where all places but some are taken."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.asked: list[tuple[str, int | None, bool]] = []

    async def take(self, key_id: str, most: int | None, *, is_moved: bool = False) -> bool:
        self.asked.append((key_id, most, is_moved))
        if not self.free:
            return False
        self.free -= 1
        return True

    def give_back(self, key_id: str) -> None:
        self.free += 1


async def test_by_itself_a_server_asks_nobody_for_a_place() -> None:
    async with contextlib.AsyncExitStack() as owned:
        assert await access_of().share_place(Grant(key_id="a", max_sessions=0), owned) is None


async def test_with_others_a_place_is_held_until_its_session_is_over() -> None:
    access, grant = access_of(), Grant(key_id="a", max_sessions=3)
    access.shared = others = OtherServers(free=1)
    async with contextlib.AsyncExitStack() as owned:
        assert await access.share_place(grant, owned, is_moved=True) is None
        refusal = await access.share_place(grant, owned)

        assert refusal is not None
        assert refusal.message.startswith("too many sessions: this key may have 3 at once")
        assert refusal.fault.close_code is CloseCode.TRY_AGAIN_LATER
        assert (others.free, others.asked) == (0, [("a", 3, True), ("a", 3, False)])

    assert others.free == 1


@pytest.mark.parametrize(
    ("grant", "words", "retry_after_s"),
    [
        (Grant(key_id="a", max_audio_s_per_day=60), "1 minutes of audio a day; .*02-01T00", 43_200),
        (
            Grant(key_id="a", max_audio_s_per_month=90),
            "1.5 minutes of audio a month; .*02-01T00",
            43_200,
        ),
        (Grant(key_id="a", max_audio_s_per_day=61), None, 0),
    ],
)
def test_a_key_that_has_used_its_minutes_gets_no_session(
    grant: Grant, words: str | None, retry_after_s: int
) -> None:
    ledger = UsageLedger()
    ledger.acknowledge(None, {"a": UsedAudio(60_000, 90_000, date(2030, 1, 31))})
    refusal = access_of(ledger=ledger).refusal(grant)

    if words is None:
        assert refusal is None
        return
    assert refusal is not None
    assert refusal.error == "minutes used up"
    assert refusal.retry_after_s == retry_after_s
    with pytest.raises(ClientFault, match=words) as caught:
        raise refusal.fault
    assert caught.value.close_code is CloseCode.CLIENT_FAULT


@pytest.mark.parametrize(
    "grant",
    [Grant(key_id="a", max_audio_s_per_day=2.5), Grant(key_id="a", max_audio_s_per_month=2.5)],
)
def test_audio_is_heard_up_to_the_limit_to_the_sample(grant: Grant) -> None:
    ledger = UsageLedger()
    use = access_of(ledger=ledger).begin(grant, ignore)

    assert [use.admit(SECOND) for _ in range(2)] == [SECOND, SECOND]
    use.check()
    assert [use.admit(SECOND) for _ in range(2)] == [SECOND // 2, 0]
    with pytest.raises(ClientFault, match="minutes used up: "):
        use.check()
    assert ledger.used_audio_s("a", now=NOON) == (2.5, 2.5)


def test_a_session_is_held_to_what_its_key_may_have_now() -> None:
    keys = Keys("a")
    use = access_of(keys).begin(keys.grants["a"], ignore)

    admitted = [use.admit(3 * SECOND)]
    for most in (5, 2, None):
        keys.grants["a"] = Grant(key_id="a", max_audio_s_per_day=most)
        admitted.append(use.admit(3 * SECOND))

    assert admitted == [3 * SECOND, 2 * SECOND, 0, 3 * SECOND]


def test_sessions_of_one_key_share_its_minutes() -> None:
    access, grant = access_of(), Grant(key_id="a", max_audio_s_per_day=2)
    one, other = access.begin(grant, ignore), access.begin(grant, ignore)

    assert [one.admit(SECOND), other.admit(2 * SECOND), one.admit(1)] == [SECOND, SECOND, 0]


def test_without_a_ledger_nothing_is_limited_by_the_day() -> None:
    access, grant = KeyAccess(Keys("a"), None, now=lambda: NOON), Grant(key_id="a")
    limited = replace(grant, max_audio_s_per_day=1)
    use = access.begin(limited, ignore)

    assert access.refusal(limited) is None
    assert use.admit(2 * SECOND) == 2 * SECOND
    use.check()


def test_sessions_whose_key_is_lost_are_ended_once() -> None:
    keys = Keys("a", "b")
    access = access_of(keys)
    told: list[tuple[str, str]] = []

    def note(key_id: str, fault: ClientFault) -> None:
        told.append((key_id, fault.message))

    for key_id in ("a", "a", "b"):
        access.begin(Grant(key_id=key_id), partial(note, key_id))
    closed = access.begin(Grant(key_id="b"), partial(note, "closed"))
    closed.close()

    access.end_lost()
    assert not told
    del keys.grants["b"]
    access.end_lost()
    access.end_lost()

    assert [key_id for key_id, _ in told] == ["b"]
    assert told[0][1].startswith("key revoked: ")
