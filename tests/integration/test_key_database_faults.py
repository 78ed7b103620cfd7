"""A key database that fails, hangs or is away: what is kept and what ends all the same."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from scribewire.errors import ServerFault
from scribewire.grants import Grant
from scribewire.keys.books import KeyBooks
from scribewire.keys.configured import ConfiguredKeys
from scribewire.keys.database import DatabaseFault, open_database
from scribewire.keys.records import KeyRecord, KeySnapshot, MadeKey, OutcomeUnknown
from scribewire.keys.usage import UsageBatch
from scribewire.server.key_keeper import KeyKeeper
from tests.parts.postgresql import PostgreSql


class ForgetfulBooks(KeyBooks):
    """Books whose answer is lost, `losses` times, after all was written."""

    losses = 2

    def synchronise(
        self, batch: UsageBatch | None, *, revision: int | None, now: float
    ) -> KeySnapshot:
        snapshot = super().synchronise(batch, revision=revision, now=now)
        if batch is not None and self.losses:
            self.losses -= 1
            raise DatabaseFault("key database: the connection was lost at the commit")
        return snapshot


async def test_what_was_written_and_not_confirmed_is_not_counted_twice(database_url: str) -> None:
    KeyBooks.open(database_url).close()
    books = ForgetfulBooks(open_database(database_url))
    keeper = KeyKeeper(ConfiguredKeys(["one"]), books)
    use = keeper.access.begin(Grant(key_id="one"), lambda _: None)
    for _ in range(2):
        use.admit(16_000)
        with pytest.raises(DatabaseFault):
            await keeper.synchronise()
    await keeper.synchronise()
    await keeper.synchronise()

    (count,) = books.usage.by_day(today=datetime.now(UTC).date(), days=2)
    assert (count.audio_ms, count.sessions) == (2000, 1)
    await keeper.aclose()


async def test_all_use_is_written_at_the_end_though_an_answer_was_lost(database_url: str) -> None:
    KeyBooks.open(database_url).close()
    books = ForgetfulBooks(open_database(database_url))
    keeper = KeyKeeper(ConfiguredKeys(["one"]), books)
    use = keeper.access.begin(Grant(key_id="one"), lambda _: None)
    use.admit(16_000)
    with pytest.raises(DatabaseFault):
        await keeper.synchronise()
    use.admit(48_000)

    await keeper.aclose()

    after = KeyBooks.open(database_url)
    (count,) = after.usage.by_day(today=datetime.now(UTC).date(), days=2)
    after.close()
    assert (count.audio_ms, count.sessions) == (4000, 1)


async def test_the_log_says_whose_last_use_is_not_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    KeyBooks.open(url).close()
    books = ForgetfulBooks(open_database(url))
    books.losses = 1000
    noon = datetime(2030, 1, 31, 12, tzinfo=UTC).timestamp()
    keeper = KeyKeeper(
        ConfiguredKeys(["one", "two"]), books, now=lambda: noon, last_patience_s=0.05
    )
    use = keeper.access.begin(Grant(key_id="one"), lambda _: None)
    with pytest.raises(DatabaseFault):
        await keeper.synchronise()
    use.admit(24_000)
    keeper.access.begin(Grant(key_id="two"), lambda _: None)

    await keeper.aclose()

    why = "written: key database: the connection was lost at the commit"
    assert caplog.messages == [
        f"! 0.000 s of audio and 1 sessions of key one on 2030-01-31 may not be {why}",
        f"! 1.500 s of audio and 0 sessions of key one on 2030-01-31 are not {why}",
        f"! 0.000 s of audio and 1 sessions of key two on 2030-01-31 are not {why}",
    ]


async def test_a_database_that_is_down_leaves_the_keys_in_force(
    postgresql: PostgreSql, caplog: pytest.LogCaptureFixture
) -> None:
    books = KeyBooks.open(postgresql.new_database())
    made = books.store.create(Grant(name="one"), now=0)
    keeper = KeyKeeper(ConfiguredKeys([]), books, interval_s=0.05)
    await keeper.synchronise()
    running = asyncio.create_task(keeper.run())
    caplog.set_level("INFO", "scribewire.server")

    postgresql.stop()
    keeper.access.begin(made.record.grant, lambda _: None).admit(16_000)
    await told(caplog, "the keys that were known last stay in force")
    assert keeper.ring.grant_of(made.key) == made.record.grant
    postgresql.start()
    await told(caplog, "the key database answers again")

    (count,) = books.usage.by_day(today=datetime.now(UTC).date(), days=2)
    assert (count.audio_ms, count.sessions) == (1000, 1)
    assert sum("stay in force" in line for line in caplog.messages) == 1
    running.cancel()
    await keeper.aclose()


@contextlib.contextmanager
def usage_locked(database_url: str) -> Iterator[None]:
    """Let whoever writes the use of keys wait."""
    other = open_database(database_url)
    with other.writing() as session:
        is_file = database_url.startswith("sqlite")  # which is locked as a whole
        session.execute(text("SELECT 1" if is_file else "LOCK TABLE key_usage"))
        yield
    other.close()


async def test_a_call_that_hangs_keeps_no_session_from_ending(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scribewire.server")
    books = KeyBooks.open(database_url)
    made = books.store.create(Grant(name="one", expires_at=100), now=0)
    now_s = 0.0
    keeper = KeyKeeper(
        ConfiguredKeys([]), books, now=lambda: now_s, interval_s=0.01, call_patience_s=0.1
    )
    await keeper.synchronise()
    ended = asyncio.Event()
    keeper.access.begin(made.record.grant, lambda _: ended.set()).admit(16_000)
    with usage_locked(database_url):
        running = asyncio.create_task(keeper.run())
        await told(caplog, "a call to it hangs; the keys that were known last stay in force")

        now_s = 100.0
        async with asyncio.timeout(5):
            await ended.wait()
        with pytest.raises(ServerFault, match="hangs"):
            await keeper.call(lambda books: books.store.all_keys())
    await told(caplog, "the key database answers again")

    assert sum("hangs" in line for line in caplog.messages) == 1
    running.cancel()
    await keeper.aclose()


async def test_what_waits_behind_a_call_that_hangs_is_not_done_once_it_is_given_up(
    tmp_path: Path,
) -> None:
    books = KeyBooks.open(f"sqlite:///{tmp_path / 'keys.sqlite3'}")
    keeper = KeyKeeper(ConfiguredKeys([]), books, call_patience_s=0.05)
    may_go = threading.Event()

    def create_late(books: KeyBooks) -> MadeKey:
        may_go.wait(10)
        return books.store.create(Grant(name="begun"), now=0)

    begun, waiting = await asyncio.gather(
        keeper.call(create_late),
        keeper.call(lambda books: books.store.create(Grant(name="waiting"), now=0)),
        return_exceptions=True,
    )
    assert isinstance(begun, OutcomeUnknown)
    assert isinstance(waiting, ServerFault)
    assert not isinstance(waiting, OutcomeUnknown)
    may_go.set()
    assert [one.grant.name for one in await all_keys(keeper)] == ["begun"]
    await keeper.aclose()


async def all_keys(keeper: KeyKeeper) -> list[KeyRecord]:
    """Return them once nothing hangs any more."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(ServerFault):
                return await keeper.call(lambda books: books.store.all_keys())
            await asyncio.sleep(0.01)


class MistakenBooks(KeyBooks):
    """Books with a mistake in them, at first."""

    mistakes = 1

    def synchronise(
        self, batch: UsageBatch | None, *, revision: int | None, now: float
    ) -> KeySnapshot:
        if revision is not None and self.mistakes:
            self.mistakes -= 1
            raise ZeroDivisionError
        return super().synchronise(batch, revision=revision, now=now)


async def test_a_mistake_of_ours_does_not_end_the_keeping(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    KeyBooks.open(url).close()
    books = MistakenBooks(open_database(url))
    made = books.store.create(Grant(name="one"), now=0)
    keeper = KeyKeeper(ConfiguredKeys([]), books, interval_s=0.01)
    await keeper.synchronise()
    caplog.set_level("INFO", "scribewire.server")
    ended = asyncio.Event()
    keeper.access.begin(made.record.grant, lambda _: ended.set())
    running = asyncio.create_task(keeper.run())
    await told(caplog, "a fault of ours")

    books.store.revoke(made.record.grant.key_id, now=1)
    async with asyncio.timeout(10):
        await ended.wait()
    assert "ZeroDivisionError" in caplog.text
    running.cancel()
    await keeper.aclose()


async def told(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait until the log says it."""
    async with asyncio.timeout(10):
        while not any(words in line for line in caplog.messages):  # noqa: ASYNC110 - logs set no Event
            await asyncio.sleep(0.01)
